/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "71f677e927b79fe3";
