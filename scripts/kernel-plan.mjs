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
/** Prompts and single tokens go through the same spans. */
const hopperAttention = {
  'wgmma.mma_async.sync.aligned.m64n128k16': 40,
  'wgmma.mma_async.sync.aligned.m64n64k16': 16,
  'cp.async.bulk.tensor.2d': 4,
  'cp.async.bulk.shared::cluster.global.mbarrier': 4,
  'mbarrier.try_wait.parity': 16,
  'griddepcontrol.wait': 4,
  'setmaxnreg.inc': 4,
  'setmaxnreg.dec': 4,
}
/** What the PTX must contain: at least so many of each. */
export const meant = {
  'matmul.cu': { 'mma.sync': 32, 'ld.global.nc.L1::no_allocate': 4, 'cp.async.cg': 8 },
  'matmul_hopper.cu': {
    'griddepcontrol.wait': 1,
    'wgmma.mma_async.sync.aligned.m64n128k16': 4,
    'cp.async.bulk.tensor.2d': 2,
    'mbarrier.try_wait.parity': 2,
    'mbarrier.arrive.expect_tx': 1,
  },
  'matmul_hopper_int8.cu': {
    'griddepcontrol.wait': 1,
    'wgmma.mma_async.sync.aligned.m64n64k16': 8,
    'cp.async.bulk.tensor.2d': 3,
    'mbarrier.try_wait.parity': 2,
    'mbarrier.arrive.expect_tx': 1,
  },
  'moe_hopper.cu': {
    'griddepcontrol.wait': 4,
    'griddepcontrol.launch_dependents': 2,
    'wgmma.mma_async.sync.aligned.m64n64k16': 24,
    'cp.async.bulk.tensor.2d': 8,
    'cp.async.cg': 64,
    'fence.proxy.async': 4,
  },
  'moe_few.cu': { 'mma.sync': 16, 'ld.global.nc.L1::no_allocate': 8 },
  'moe_tiles.cu': { 'mma.sync': 64, 'cp.async.cg': 8 },
  'attention_decode.cu': { 'mma.sync': 64 },
  'attention_hopper.cu': hopperAttention,
  'attention_hopper_decode.cu': hopperAttention,
  'attention_prefill.cu': { 'mma.sync': 64 },
}

/** The same of Hopper's machine code: matrix instructions of a warpgroup, copies by TMA, mbarriers. */
export const meantCode = {
  'attention_hopper.cu': { HGMMA: 56, UTMALDG: 4 },
  'attention_hopper_decode.cu': { HGMMA: 56, UTMALDG: 4 },
  'matmul_hopper.cu': { HGMMA: 4, UTMALDG: 2, SYNCS: 6 },
  'matmul_hopper_int8.cu': { HGMMA: 8, UTMALDG: 3, SYNCS: 6 },
  'moe_hopper.cu': { HGMMA: 24, UTMALDG: 8, LDGSTS: 64 },
}
