import { useCallback, useRef } from "react";

/** Runs work unless earlier work is still under way, or ended well less than `restMs` ago: until the screen changes
 * after a success, the second press of a double one must not count. A button that is only disabled when it is drawn
 * next lets that press through. */
export function useOneAtATime(restMs = 0): (work: () => Promise<unknown>) => Promise<void> {
  const isBusy = useRef(false);
  return useCallback(
    async (work) => {
      if (isBusy.current) return;
      isBusy.current = true;
      const free = () => {
        isBusy.current = false;
      };
      try {
        await work();
      } catch (error) {
        free();
        throw error;
      }
      if (restMs > 0) setTimeout(free, restMs);
      else free();
    },
    [restMs],
  );
}
