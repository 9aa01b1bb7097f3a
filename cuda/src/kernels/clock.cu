// The multiprocessor clock as the device counts it: cycles over nanoseconds while one warp waits `nanoseconds`.
// result[0] is the cycles, result[1] the nanoseconds.

KERNEL sm_clock(u64* __restrict__ result, u64 nanoseconds) {
    const u64 cycles = sm_cycles(), begin = global_nanoseconds();
    u64 now = begin;
    while (now - begin < nanoseconds) now = global_nanoseconds();
    result[0] = sm_cycles() - cycles;
    result[1] = now - begin;
}
