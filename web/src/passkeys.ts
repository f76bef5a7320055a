/* Passkeys, with the browser's own dialogs: making one, and signing in with one. Knows the server's calls and navigator.credentials. */

import { ApiError } from "./api";
import { rooms, type Signin } from "./classes-api";

/** Whether there can be any here: a browser that knows them, at an address that has a name. */
export const passkeysPossible = (): boolean =>
  typeof PublicKeyCredential !== "undefined" && "parseRequestOptionsFromJSON" in PublicKeyCredential && !/^[\d.]+$|^\[/.test(location.hostname);

/** Raises ApiError; null where the learner closed the browser's dialog, or has none. */
export async function enterWithPasskey(): Promise<Signin | null> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON((await rooms.passkeyQuestion()) as unknown as PublicKeyCredentialRequestOptionsJSON);
  const made = await navigator.credentials.get({ publicKey }).catch(declined);
  return made ? rooms.enterWithPasskey((made as PublicKeyCredential).toJSON()) : null;
}

/** Raises ApiError; false where the browser's dialog was closed. */
export async function makePasskey(name: string): Promise<boolean> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON((await rooms.passkeyOffer()) as unknown as PublicKeyCredentialCreationOptionsJSON);
  const made = await navigator.credentials.create({ publicKey }).catch(declined);
  if (!made) return false;
  await rooms.addPasskey(name, (made as PublicKeyCredential).toJSON());
  return true;
}

function declined(error: unknown): null {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "AbortError") return null;
  const words = name === "InvalidStateError" ? "This device has a passkey of yours already." : "The browser could not use a passkey here.";
  throw new ApiError(0, name, words, "Sign in with your password.");
}
