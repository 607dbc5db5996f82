/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "4a3632492f44fa7c";
