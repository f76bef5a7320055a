/* Mermaid, bundled, so that it comes from this origin, and only when a page has a diagram. */
export { default } from "mermaid";
