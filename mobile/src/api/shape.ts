/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "ecc7d2af96cf4f24";
