/** Side by side, not on top of each other: lanes for what overlaps; knows no DOM. */

export interface Span {
  readonly startMinute: number;
  readonly endMinute: number;
}

export interface Placed<S extends Span> {
  readonly span: S;
  readonly lane: number;
  /** How many lanes the group of overlapping spans needs. */
  readonly lanes: number;
}

/** Give each span the first free lane; spans that only touch share one. */
export function placeInLanes<S extends Span>(spans: readonly S[]): readonly Placed<S>[] {
  const sorted = [...spans].sort(
    (a, b) => a.startMinute - b.startMinute || b.endMinute - a.endMinute,
  );
  const placed: Placed<S>[] = [];
  let group: { readonly span: S; readonly lane: number }[] = [];
  let laneEnds: number[] = [];
  const close = (): void => {
    placed.push(...group.map((entry) => ({ ...entry, lanes: laneEnds.length })));
    group = [];
    laneEnds = [];
  };
  for (const span of sorted) {
    if (laneEnds.every((end) => end <= span.startMinute)) {
      close();
    }
    const free = laneEnds.findIndex((end) => end <= span.startMinute);
    const lane = free === -1 ? laneEnds.length : free;
    laneEnds[lane] = span.endMinute;
    group.push({ span, lane });
  }
  close();
  return placed;
}
