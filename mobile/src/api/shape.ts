/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "64e1d13fc20e0f0d";
