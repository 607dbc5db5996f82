/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "14044d0c35e584fd";
