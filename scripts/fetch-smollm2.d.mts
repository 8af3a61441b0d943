export const smollm2Path: string
export const smollm2Sha256: string
export function fetchSmollm2(): Promise<string>
