/** Which product the app talks to. A web build asks the place it was served from, so that one build serves every
 * environment; a phone build has the address built in (EXPO_PUBLIC_API_URL). */
import { Platform } from "react-native";
import * as z from "zod/mini";

const shape = z.object({
  name: z.string(),
  apiUrl: z.string(),
  demo: z.optional(
    z.object({
      email: z.string(),
      password: z.string(),
      brokerKey: z.optional(z.string()),
      brokerSecret: z.optional(z.string()),
    }),
  ),
});

export type Environment = z.infer<typeof shape>;

export async function loadEnvironment(): Promise<Environment> {
  const builtIn = process.env.EXPO_PUBLIC_API_URL;
  if (builtIn) return { name: process.env.EXPO_PUBLIC_ENVIRONMENT ?? "app", apiUrl: withoutSlash(builtIn) };
  if (Platform.OS !== "web") throw new Error("EXPO_PUBLIC_API_URL was not set when this app was built");
  const response = await fetch("/environment.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`environment.json could not be read (${response.status})`);
  const read = shape.parse(await response.json());
  return { ...read, apiUrl: withoutSlash(read.apiUrl) };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
