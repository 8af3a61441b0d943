// What check-kernels.mjs holds the kernels to, file by file.

/** Most registers of a thread, from how many blocks a multiprocessor shall hold; 255 elsewhere. */
export const planned = {
  // 56 of these stay with a thread that copies, 224 are a multiplying one's (setmaxnreg).
  'attention_hopper.cu': 168,
  'attention_hopper_decode.cu': 168,
  'matmul.cu': 192,
  'matmul_hopper.cu': 128,
  'matmul_hopper_int8.cu': 168,
  'moe_few.cu': 64,
  'moe_hopper.cu': 168,
  'moe_tiles.cu': 192,
  'add.cu': 64,
  'fused.cu': 64,
  'rms_norm.cu': 64,
  'store_heads.cu': 96,
  'sample.cu': 64,
  'sample_choose.cu': 128,
}
const waits = { 'griddepcontrol.wait': 1 }
const ring = {
  ...waits,
  'mbarrier.try_wait.parity': 2,
  'mbarrier.arrive.expect_tx': 1,
  'fence.proxy.async': 1,
}
/** Prompts and single tokens go through the same spans. */
const hopperSpans = name => {
  const multiplies = { ...ring, 'setmaxnreg.inc': 1, 'setmaxnreg.dec': 1, 'fence.proxy.async': 3 }
  const brings = {
    ItLi: { 'cp.async.bulk.tensor.2d': 2, 'mbarrier.try_wait.parity': 4 },
    IaLi: { 'cp.async.bulk.shared::cluster.global.mbarrier': 6, 'mbarrier.try_wait.parity': 7 },
  }
  const wgmma = 'wgmma.mma_async.sync.aligned.m64'
  const rules = {}
  for (const [format, copies] of Object.entries(brings)) {
    rules[`${name}${format}64E`] = {
      ...multiplies,
      ...copies,
      [`${wgmma}n128k16`]: 4,
      [`${wgmma}n64k16`]: 8,
    }
    rules[`${name}${format}128E`] = { ...multiplies, ...copies, [`${wgmma}n128k16`]: 16 }
  }
  return rules
}
const spans = name => ({
  [`${name}It`]: { 'mma.sync': 32, 'ld.global.v4.u32': 8 },
  [`${name}Ia`]: { 'mma.sync': 32, 'ld.global.v2.u32': 8 },
})
const tiles = { 'mma.sync': 32, 'cp.async.cg': 12 }
const rounds = { 'ld.global.v4.f32': 2 }
const stream16 = least => ({ 'ld.global.nc.L1::no_allocate.v4.u32': least })
const stream8 = least => ({ 'ld.global.nc.L1::no_allocate.v2.u32': least })
const hopperExperts = {
  ...ring,
  'wgmma.mma_async.sync.aligned.m64n64k16': 4,
  'cp.async.bulk.tensor.2d': 2,
  'cp.async.cg': 16,
  'fence.proxy.async': 2,
}

/**
 * What the PTX must contain, file by file: at least so many of each in every kernel whose name holds the key.
 * Each kernel of these files has a key; files that are left out read a value a thread.
 */
export const meant = {
  'matmul.cu': {
    matmul_dot_kernel: {},
    matmul_few_kernelINS0_4Bf16: { 'mma.sync': 4, ...stream16(4) },
    matmul_few_kernelINS0_4Int8: { 'mma.sync': 4, ...stream8(4) },
    matmul_tiles_kernel: tiles,
    round_rows_kernel: rounds,
  },
  'matmul_hopper.cu': {
    matmul_hopper_kernel: {
      ...ring,
      'wgmma.mma_async.sync.aligned.m64n128k16': 4,
      'cp.async.bulk.tensor.2d': 2,
    },
    round_rows_kernel: { ...rounds, 'griddepcontrol.launch_dependents': 1 },
  },
  'matmul_hopper_int8.cu': {
    matmul_hopper_int8_kernel: {
      ...ring,
      'wgmma.mma_async.sync.aligned.m64n64k16': 8,
      'cp.async.bulk.tensor.2d': 3,
    },
    round_hopper_kernel: { 'griddepcontrol.launch_dependents': 1 },
  },
  'moe_hopper.cu': {
    moe_hopper_gate_up_kernel: { ...hopperExperts, 'griddepcontrol.launch_dependents': 1 },
    moe_hopper_down_kernel: hopperExperts,
    round_hopper_kernel: { 'griddepcontrol.launch_dependents': 1 },
  },
  'moe_few.cu': {
    moe_few_gate_up_kernelINS0_4Bf16: { 'mma.sync': 8, ...stream16(8) },
    moe_few_down_kernelINS0_4Bf16: { 'mma.sync': 12, ...stream16(12) },
    moe_few_gate_up_kernelINS0_4Int8: { 'mma.sync': 8, ...stream8(8) },
    moe_few_down_kernelINS0_4Int8: { 'mma.sync': 4, ...stream8(4) },
  },
  'moe_tiles.cu': {
    moe_tiles_gate_up_kernel: tiles,
    moe_tiles_down_kernel: tiles,
    round_rows_kernel: rounds,
  },
  'attention_decode.cu': { attention_merge_kernel: {}, ...spans('attention_decode_kernel') },
  'attention_prefill.cu': spans('attention_prefill_kernel'),
  'attention_hopper.cu': hopperSpans('attention_hopper_kernel'),
  'attention_hopper_decode.cu': hopperSpans('attention_hopper_decode_kernel'),
}

/** Of a file's machine code for Hopper: matrix instructions of a warpgroup, copies by TMA, mbarriers. */
export const meantCode = {
  'attention_hopper.cu': { HGMMA: 56, UTMALDG: 4 },
  'attention_hopper_decode.cu': { HGMMA: 56, UTMALDG: 4 },
  'matmul_hopper.cu': { HGMMA: 4, UTMALDG: 2, SYNCS: 6 },
  'matmul_hopper_int8.cu': { HGMMA: 8, UTMALDG: 3, SYNCS: 6 },
  'moe_hopper.cu': { HGMMA: 24, UTMALDG: 8, LDGSTS: 64 },
}
