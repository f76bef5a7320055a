/* Names this page towards the server for as long as it lives (`client=`). */

const bytes = crypto.getRandomValues(new Uint8Array(16));

/** 32 hexadecimal digits; new on each load. */
export const clientId = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
