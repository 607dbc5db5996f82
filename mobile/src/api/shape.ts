/** A fingerprint of what the API's answers look like, written by `make app-client`. */
export const SHAPE = "613b76cfbd9a50cb";
