/**
 * Files that are dropped anywhere on the page.
 */
import { onBeforeUnmount, onMounted, type Ref, ref } from "vue";

/** Calls back with each drop; the result says whether something is held over the page just now. */
export function useFileDrop(onDrop: (event: DragEvent) => void): Ref<boolean> {
  const isOver = ref(false);
  const over = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    // Otherwise the browser would open the file in place of the page.
    event.preventDefault();
    isOver.value = true;
  };
  const leave = (event: DragEvent) => {
    if (event.relatedTarget === null) isOver.value = false;
  };
  const drop = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    isOver.value = false;
    onDrop(event);
  };
  onMounted(() => {
    document.addEventListener("dragover", over);
    document.addEventListener("dragleave", leave);
    document.addEventListener("drop", drop);
  });
  onBeforeUnmount(() => {
    document.removeEventListener("dragover", over);
    document.removeEventListener("dragleave", leave);
    document.removeEventListener("drop", drop);
  });
  return isOver;
}
