/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "01a7ad4e42b0e8d9";
