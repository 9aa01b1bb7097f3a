// A CUDA device on one CPU thread: just enough for the .cu texts of this crate, so that their indices, barriers and
// shuffles run against the oracles without a GPU.
//
// Each thread of a block is a fibre. Fibres run until they meet a barrier or a warp exchange, in ascending or
// (ERGOMETER_SHIM_REVERSE) descending order, so that a missing barrier shows in one of the two. Blocks run one after the
// other, which is why a __shared__ variable can be a static one.
#pragma once
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

struct dim3_ { unsigned x, y, z; };
static dim3_ threadIdx, blockIdx, blockDim, gridDim;

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define DYNAMIC_SHARED(name) u8* name = shim::dynamic

struct float2 { float x, y; };
// Built-in, because C++'s <math.h> takes longer to compile than any kernel here.
static inline float sqrt(float x) { return __builtin_sqrtf(x); }
static inline double sqrt(double x) { return __builtin_sqrt(x); }
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float __uint_as_float(unsigned bits) { float f; memcpy(&f, &bits, 4); return f; }
static inline unsigned __float_as_uint(float f) { unsigned bits; memcpy(&bits, &f, 4); return bits; }
// Compiled with -ffp-contract=off, so that each of these rounds once, as the intrinsics do.
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline double __dadd_rn(double a, double b) { return a + b; }
template <class T> static inline T atomicAdd(T* to, T x) { T old = *to; *to += x; return old; }

namespace shim {

constexpr unsigned most_threads = 1024, most_dynamic = 256 * 1024, stack_bytes = 64 * 1024;
alignas(128) static unsigned char dynamic[most_dynamic];
alignas(64) static char stacks[most_threads][stack_bytes];

struct Copy { void* to; const void* from; bool valid; };

struct Fibre {
    ucontext_t start;
    jmp_buf at;
    dim3_ index;
    unsigned linear, exchanges;
    bool started, done;
    // cp.async: a ring of committed groups not yet executed, the last of them open.
    struct { Copy copies[16]; unsigned count; } groups[16];
    unsigned first_group, open_group;
};

struct Warp {
    unsigned char slot[2][32][64];  // what the lanes put up, by parity of the exchange
    unsigned arrived[2];
};

static Fibre fibres[most_threads];
static Warp warps[most_threads / 32];
static Fibre* current;
static jmp_buf scheduler;
static unsigned threads, alive, at_barrier, barrier_generation;
static unsigned long steps;
static void (*invoke)(void*);
static void* invoke_with;
// cp.async may finish at once or not before it is waited for; tests run both.
static bool eager, reverse;

[[noreturn]] static void die(const char* why) { fprintf(stderr, "shim: %s\n", why); abort(); }

// ucontext makes a fibre's stack; the switches are _setjmp and _longjmp, which make no system call.
static void leave() { if (!_setjmp(current->at)) _longjmp(scheduler, 1); }

static void enter() {
    invoke(invoke_with);
    current->done = true;
    --alive;
    ++steps;
    _longjmp(scheduler, 1);
}

// A thread that has returned can't arrive: kernels here never return before a barrier.
static void barrier() {
    if (alive != threads) die("a barrier after a thread returned");
    const unsigned generation = barrier_generation;
    ++steps;
    if (++at_barrier == threads) { at_barrier = 0; ++barrier_generation; return; }
    while (barrier_generation == generation) leave();
}

static unsigned lane() { return current->linear % 32; }

// Every lane puts up a value and gets all 32. Two slots in turn: a lane can be at most one exchange ahead.
template <class T> static void exchange(const T& mine, T (&all)[32]) {
    static_assert(sizeof(T) <= 64, "slot");
    Warp& warp = warps[current->linear / 32];
    const unsigned parity = current->exchanges++ % 2;
    memcpy(warp.slot[parity][lane()], &mine, sizeof(T));
    warp.arrived[parity]++;
    ++steps;
    const unsigned turn = (current->exchanges + 1) / 2;  // how often this slot has been used, this time included
    while (warp.arrived[parity] < turn * 32) leave();
    for (unsigned l = 0; l < 32; ++l) memcpy(&all[l], warp.slot[parity][l], sizeof(T));
}

static void resume(Fibre& f) {
    current = &f;
    threadIdx = f.index;
    if (_setjmp(scheduler)) return;
    if (f.started) _longjmp(f.at, 1);
    f.started = true;
    setcontext(&f.start);
}

static void run_block() {
    alive = threads;
    at_barrier = barrier_generation = 0;
    memset(warps, 0, sizeof warps);
    for (unsigned t = 0; t < threads; ++t) {
        Fibre& f = fibres[t];
        f.linear = t;
        f.index = {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
        f.exchanges = f.first_group = f.open_group = f.groups[0].count = 0;
        f.started = f.done = false;
        getcontext(&f.start);
        f.start.uc_stack.ss_sp = stacks[t];
        f.start.uc_stack.ss_size = stack_bytes;
        f.start.uc_link = nullptr;
        makecontext(&f.start, enter, 0);
    }
    while (alive > 0) {
        const unsigned long before = steps;
        for (unsigned i = 0; i < threads; ++i) {
            Fibre& f = fibres[reverse ? threads - 1 - i : i];
            if (!f.done) resume(f);
        }
        if (steps == before) die("deadlock: threads wait for one another");
    }
}

static void run_grid(unsigned shared_bytes) {
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; ++blockIdx.z)
        for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y)
            for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x) {
                // Poison: a kernel that counts on what a block before it left reads NaN.
                memset(dynamic, 0xff, shared_bytes);
                run_block();
            }
}

// 0, 1, ... as template arguments; a header for it would take longer to compile than the kernel.
template <size_t... I> struct Indices {};
template <size_t N, size_t... I> struct Count : Count<N - 1, N - 1, I...> {};
template <size_t... I> struct Count<0, I...> { typedef Indices<I...> type; };

template <class... A> struct Call { void (*kernel)(A...); void** args; };

template <class... A, size_t... I> static void call(Call<A...>& c, Indices<I...>) { c.kernel(*(A*)c.args[I]...); }

// 'p' pointer, 'i' 4-byte integer, 'l' 8-byte integer, 'f' float, 'd' double.
template <class T> struct Kind { static constexpr char value = sizeof(T) == 8 ? 'l' : 'i'; };
template <class T> struct Kind<T*> { static constexpr char value = 'p'; };
template <class T> struct Kind<T* __restrict__> { static constexpr char value = 'p'; };
template <> struct Kind<float> { static constexpr char value = 'f'; };
template <> struct Kind<double> { static constexpr char value = 'd'; };

// geometry: grid, block, dynamic shared bytes, flags (1: eager copies, 2: reverse order). Returns 0, or 1 where the
// kinds of the arguments are not those of the kernel's parameters.
template <class... A>
static int run(void (*kernel)(A...), const unsigned* geometry, const char* kinds, void** args) {
    const char expected[] = {Kind<A>::value..., 0};
    if (strcmp(expected, kinds) != 0) { fprintf(stderr, "shim: parameters %s, arguments %s\n", expected, kinds); return 1; }
    gridDim = {geometry[0], geometry[1], geometry[2]};
    blockDim = {geometry[3], geometry[4], geometry[5]};
    threads = blockDim.x * blockDim.y * blockDim.z;
    if (threads > most_threads || geometry[6] > most_dynamic) die("a block beyond the limits");
    eager = geometry[7] & 1;
    reverse = geometry[7] & 2;
    Call<A...> with{kernel, args};
    invoke = [](void* c) { call(*(Call<A...>*)c, typename Count<sizeof...(A)>::type()); };
    invoke_with = &with;
    run_grid(geometry[6]);
    return 0;
}

}  // namespace shim

#define SHIM_ENTRY(kernel) \
    extern "C" int shim_##kernel(const unsigned* geometry, const char* kinds, void** args) { \
        return shim::run(kernel, geometry, kinds, args); \
    }

static inline void __syncthreads() { shim::barrier(); }

template <class T> static inline T __shfl_xor_sync(unsigned, T x, unsigned mask) {
    T all[32];
    shim::exchange(x, all);
    return all[(shim::lane() ^ mask) % 32];
}
template <class T> static inline T __shfl_up_sync(unsigned, T x, unsigned delta) {
    T all[32];
    shim::exchange(x, all);
    return shim::lane() >= delta ? all[shim::lane() - delta] : x;
}
template <class T> static inline T __shfl_down_sync(unsigned, T x, unsigned delta) {
    T all[32];
    shim::exchange(x, all);
    return shim::lane() + delta < 32 ? all[shim::lane() + delta] : x;
}
