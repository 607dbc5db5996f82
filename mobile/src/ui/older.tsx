import { Button } from "react-native-paper";

import { useWords } from "@/words";

interface Pages {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
}

/** At the end of a list that the API answers page by page. */
export function Older({ pages }: { pages: Pages }) {
  const words = useWords();
  if (!pages.hasNextPage) return null;
  return (
    <Button mode="outlined" loading={pages.isFetchingNextPage} disabled={pages.isFetchingNextPage} onPress={() => void pages.fetchNextPage()} testID="older">
      {words.notices.inbox.older}
    </Button>
  );
}
