// Definitions that every kernel shares. No headers: NVRTC declares threadIdx, float4, __shfl_*_sync and the like itself.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define KERNEL extern "C" __global__ void
#define WARP 32u
#define ALL_LANES 0xffffffffu

// 16 bytes of T, the widest access of one thread.
template <class T> struct alignas(16) Pack {
    enum : u32 { count = 16 / sizeof(T) };
    T value[count];
};

template <class T> __device__ __forceinline__ Pack<T> load16(const T* from) {
    return *reinterpret_cast<const Pack<T>*>(from);
}

template <class T> __device__ __forceinline__ void store16(T* to, const Pack<T>& pack) {
    *reinterpret_cast<Pack<T>*>(to) = pack;
}

__device__ __forceinline__ u64 global_thread() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ u64 grid_threads() { return (u64)gridDim.x * blockDim.x; }

// The CPU shim has its own.
#ifndef DYNAMIC_SHARED
#define DYNAMIC_SHARED(name) extern __shared__ __align__(128) u8 name[]
#endif
