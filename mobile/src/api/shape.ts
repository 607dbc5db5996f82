/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "b1d6ac4d383ce961";
