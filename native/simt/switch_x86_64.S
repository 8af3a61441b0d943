// conclave_simt_switch(void** from, void* to): saves this fiber's registers and stack pointer, takes up the other's.
#ifdef __APPLE__
#define NAME _conclave_simt_switch
#else
#define NAME conclave_simt_switch
#endif
  .text
  .globl NAME
NAME:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
#ifdef __linux__
  .section .note.GNU-stack,"",@progbits
#endif
