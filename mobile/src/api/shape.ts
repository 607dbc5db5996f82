/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "00c85b6fe0ea8f44";
