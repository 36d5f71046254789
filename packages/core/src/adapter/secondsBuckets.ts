/**
 * Bounds for histograms of durations in seconds, for their `advice`. An SDK's own bounds (0, 5, 10, …) are made for
 * milliseconds: all shorter than 5 seconds would be one bucket.
 */
export const secondsBuckets: number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];
