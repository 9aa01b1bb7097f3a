// What the functions of ptx.cu do, by the PTX ISA's text and fragment figures, on the shim's warps.
// Included after common.cu, whose types it uses.
#pragma once

namespace shim {

static float widen_bf16(u16 bits) { return __uint_as_float((unsigned)bits << 16); }

static float widen_f16(u16 h) {
    const int exponent = h >> 10 & 31, mantissa = h & 1023;
    float value;
    if (exponent == 31) value = mantissa ? __builtin_nanf("") : __builtin_inff();
    else if (exponent == 0) value = __builtin_ldexpf((float)mantissa, -24);
    else value = __builtin_ldexpf((float)(1024 + mantissa), exponent - 25);
    return h & 0x8000 ? -value : value;
}

// Round to nearest even by adding half a unit and the kept bit's parity; overflow to infinity comes out by itself.
static u16 narrow_bf16(float f) {
    if (f != f) return 0x7fff;
    const unsigned bits = __float_as_uint(f);
    return (u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static u16 narrow_f16(float f) {
    const u16 sign = f < 0 || (f == 0 && __builtin_signbit(f)) ? 0x8000 : 0;
    const float a = __builtin_fabsf(f);
    if (a != a) return 0x7fff;
    if (a >= 65520.0f) return sign | 0x7c00;
    // nearbyint rounds to even in the default mode.
    if (a < __builtin_ldexpf(1.0f, -14)) return sign | (u16)__builtin_nearbyintf(__builtin_ldexpf(a, 24));
    int exponent;
    __builtin_frexpf(a, &exponent);
    const int scaled = (int)__builtin_nearbyintf(__builtin_ldexpf(a, 11 - exponent));  // 1024 .. 2048
    return sign | (u16)(((exponent + 14) << 10) + (scaled - 1024));
}

struct MmaIn { u32 a[4], b[2]; };

// C fragment: row g (+ 8), columns 2 t and 2 t + 1, with g = lane / 4 and t = lane % 4.
template <class At, class Bt> static void mma(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, int depth, At at, Bt bt) {
    MmaIn mine, all[32];
    memcpy(mine.a, a, 16);
    mine.b[0] = b0;
    mine.b[1] = b1;
    exchange(mine, all);
    const int g = lane() / 4, t = lane() % 4;
    for (int r = 0; r < 4; ++r) {
        const int row = g + (r >= 2 ? 8 : 0), col = 2 * t + r % 2;
        float sum = d[r];
        for (int k = 0; k < depth; ++k) sum += at(all, row, k) * bt(all, k, col);
        d[r] = sum;
    }
}

template <class Widen> static void mma16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, Widen widen) {
    auto half = [=](u32 word, int k) { return widen((u16)(word >> (k % 2 * 16))); };
    mma(d, a, b0, b1, 16,
        // A: registers 0 and 2 hold row g, 1 and 3 row g + 8; 2 and 3 the columns from 8 on.
        [=](const MmaIn* all, int row, int k) {
            return half(all[row % 8 * 4 + k % 8 / 2].a[(row >= 8 ? 1 : 0) + (k >= 8 ? 2 : 0)], k);
        },
        // B: register 0 holds rows 2 t and 2 t + 1 of column g, register 1 those 8 further down.
        [=](const MmaIn* all, int k, int col) { return half(all[col * 4 + k % 8 / 2].b[k / 8], k); });
}

// The address in each lane, then the lane's word of each of the four matrices.
static void ldmatrix(u32 (&r)[4], const void* row, bool trans) {
    const unsigned char* rows[32];
    exchange((const unsigned char*)row, rows);
    const int g = lane() / 4, t = lane() % 4;
    for (int m = 0; m < 4; ++m) {
        if (!trans) {
            memcpy(&r[m], rows[m * 8 + g] + t * 4, 4);
        } else {
            u16 low, high;
            memcpy(&low, rows[m * 8 + 2 * t] + g * 2, 2);
            memcpy(&high, rows[m * 8 + 2 * t + 1] + g * 2, 2);
            r[m] = low | (u32)high << 16;
        }
    }
    // Nobody may overwrite the tile while a lane still reads: the instruction is collective.
    exchange((const unsigned char*)row, rows);
}

}  // namespace shim

namespace shim {

static void execute(const Copy& c) { if (c.valid) memcpy(c.to, c.from, 16); else memset(c.to, 0, 16); }

}  // namespace shim

static void cp_async16(void* to, const void* from, bool valid) {
    if (((uintptr_t)to | (uintptr_t)from) % 16) shim::die("cp.async of 16 bytes is not aligned");
    const shim::Copy copy{to, from, valid};
    auto& group = shim::current->groups[shim::current->open_group % 16];
    if (shim::eager) shim::execute(copy);
    else if (group.count == 16) shim::die("more copies in a group than the shim holds");
    else group.copies[group.count++] = copy;
}
static void cp_async_commit() {
    shim::Fibre& f = *shim::current;
    if (++f.open_group - f.first_group == 16) shim::die("more groups than the shim holds");
    f.groups[f.open_group % 16].count = 0;
}
template <int LEFT> static void cp_async_wait() {
    shim::Fibre& f = *shim::current;
    for (; f.open_group - f.first_group > LEFT; ++f.first_group) {
        auto& group = f.groups[f.first_group % 16];
        for (unsigned i = 0; i < group.count; ++i) shim::execute(group.copies[i]);
    }
}
static void ldmatrix4(u32 (&r)[4], const void* row) { shim::ldmatrix(r, row, false); }
static void ldmatrix4_trans(u32 (&r)[4], const void* row) { shim::ldmatrix(r, row, true); }
static void mma_bf16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) { shim::mma16(d, a, b0, b1, shim::widen_bf16); }
static void mma_f16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) { shim::mma16(d, a, b0, b1, shim::widen_f16); }
static void mma_tf32(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    // The tensor core reads 10 bits of mantissa and ignores the rest.
    auto value = [](u32 bits) { return __uint_as_float(bits & 0xffffe000u); };
    shim::mma(d, a, b0, b1, 8,
        [=](const shim::MmaIn* all, int row, int k) {
            return value(all[row % 8 * 4 + k % 4].a[(row >= 8 ? 1 : 0) + (k >= 4 ? 2 : 0)]);
        },
        [=](const shim::MmaIn* all, int k, int col) { return value(all[col * 4 + k % 4].b[k / 4]); });
}
static u32 round_tf32(u32 bits) { return (bits + 0x1000u) & 0xffffe000u; }
static u32 pack_bf16(float low, float high) { return shim::narrow_bf16(low) | (u32)shim::narrow_bf16(high) << 16; }
static u32 pack_f16(float low, float high) { return shim::narrow_f16(low) | (u32)shim::narrow_f16(high) << 16; }
static float unpack_f16(u16 bits) { return shim::widen_f16(bits); }
// Time on the shim: a microsecond a look, two cycles a nanosecond.
static u64 shim_time = 0;
static u64 sm_cycles() { return 2 * shim_time; }
static u64 global_nanoseconds() { return shim_time += 1000; }
