/** UTC ms by the clock as it was before any task could replace `Date.now`, as tests with fake timers do. */
export const now: () => number = Date.now.bind(Date);
