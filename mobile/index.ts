/** The router reads the address as soon as it is loaded: what it is not to see is taken out before. */
import "./src/api/link";
import "./src/api/place";
import "expo-router/entry";
