/* An NVIDIA driver with two cards, made of files in the folder in which this library lies:
 *   now_ms      time since the driver was loaded
 *   steps0      power of card 0 as lines "from_ms milliwatts"; so for card 1
 *   limit0      power limit in mW, lock0 and memory_lock0 the locked clocks in MHz; absent: the default
 *   refused     while it is there, every change needs root
 *   lost0       while it is there, card 0 has fallen off the bus
 *   reasons0    further throttle reasons, as a number of NVML's bits
 *   name0       model name, where it is not the usual one
 *   power_permille0  what the power readings of card 0 are multiplied by, in thousandths
 *   generation  how often the driver was loaded; a session of an earlier one must be initialised anew
 *   since_ms    when it was loaded last: from there on the energy counter counts, from zero
 *   mig0        while it is there, card 0 is in MIG mode; vgpu: the cards are virtual ones
 * With STEADY its time is CLOCK_MONOTONIC, each card draws 100 W, and no file is looked at: it costs what a driver call costs.
 * Signatures, codes and structures: NVML API reference (nvml.h). Energy and powers change every 100 ms, as on real cards. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, LOST = 15 };
enum { TICK_MS = 100, AVERAGE_MS = 1000, CARDS = 2 };

typedef struct { int number; } *device_t;
static struct { int number; } cards[CARDS] = {{0}, {1}};
static const char *const uuids[CARDS] = {"GPU-aaaaaaaa-0000-4000-8000-000000000000", "GPU-bbbbbbbb-0000-4000-8000-000000000001"};
static const unsigned least_mw = 100000, most_mw = 400000, default_mw = 300000;
static const unsigned clocks[] = {1410, 1005, 600, 210}, memory_clocks[] = {1215, 810};

/* The path of a file beside this library. */
static const char *path(const char *name, int card) {
    static char text[4096];
    Dl_info info;
    if (!dladdr((void *)&cards, &info)) return "";
    const char *slash = strrchr(info.dli_fname, '/');
    int length = slash ? (int)(slash - info.dli_fname) : 0;
    if (card < 0) snprintf(text, sizeof text, "%.*s/%s", length, info.dli_fname, name);
    else snprintf(text, sizeof text, "%.*s/%s%d", length, info.dli_fname, name, card);
    return text;
}

#ifdef STEADY
static int there(const char *name, int card) { (void)name, (void)card; return 0; }
static long number(const char *name, int card, long otherwise) { (void)name, (void)card; return otherwise; }
#else
static int there(const char *name, int card) { return access(path(name, card), F_OK) == 0; }

static long number(const char *name, int card, long otherwise) {
    FILE *file = fopen(path(name, card), "r");
    long value = otherwise;
    if (!file) return otherwise;
    if (fscanf(file, "%ld", &value) != 1) value = otherwise;
    fclose(file);
    return value;
}
#endif

static int change(const char *name, device_t device, unsigned value) {
    if (there("lost", device->number)) return LOST;
    if (there("refused", -1)) return NO_PERMISSION;
    FILE *file = fopen(path(name, device->number), "w");
    if (!file) return NO_PERMISSION;
    fprintf(file, "%u\n", value);
    fclose(file);
    return SUCCESS;
}

/* Energy from 0 to `until`, in microjoules (mW times ms). */
#ifdef STEADY
static unsigned long long energy_uj(int card, long until) { (void)card; return 100000ull * (unsigned long long)until; }

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
#else
static long now_ms(void) { return number("now_ms", -1, 0); }

static unsigned long long energy_uj(int card, long until) {
    FILE *file = fopen(path("steps", card), "r");
    unsigned long long sum = 0;
    long from = 0, next, power = 0, after;
    if (!file) return 0;
    while (fscanf(file, "%ld %ld", &next, &after) == 2 && next < until) {
        sum += (unsigned long long)(power * (next - from));
        from = next;
        power = after;
    }
    fclose(file);
    return sum + (unsigned long long)(power * (until - from));
}

#endif

static long last_tick(void) {
    long now = now_ms();
    return now - now % TICK_MS;
}

/* The driver that this process talks to; -1 before it was initialised. */
static long session = -1;
static int is_void(void) { return session != number("generation", -1, 0); }

static unsigned power_mw(int card, long over_ms) {
    long now = last_tick(), from = now > over_ms ? now - over_ms : 0;
    if (now == from) return 0;
    unsigned long long scale = (unsigned long long)number("power_permille", card, 1000);
    return (unsigned)((energy_uj(card, now) - energy_uj(card, from)) * scale / 1000 / (unsigned long long)(now - from));
}

#define ALIVE(device) if (is_void()) return UNINITIALIZED; if (there("lost", (device)->number)) return LOST

int nvmlInit_v2(void) {
    session = number("generation", -1, 0);
    return SUCCESS;
}
int nvmlShutdown(void) { return SUCCESS; }

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    snprintf(version, length, "550.54.15");
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = CARDS;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, device_t *device) {
    if (is_void()) return UNINITIALIZED;
    if (index >= CARDS) return INVALID_ARGUMENT;
    if (there("lost", (int)index)) return LOST;
    *device = (device_t)&cards[index];
    return SUCCESS;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, device_t *device) {
    for (unsigned i = 0; i < CARDS; i++)
        if (!strcmp(uuid, uuids[i])) return nvmlDeviceGetHandleByIndex_v2(i, device);
    return NOT_FOUND;
}

int nvmlDeviceGetUUID(device_t device, char *uuid, unsigned length) {
    ALIVE(device);
    snprintf(uuid, length, "%s", uuids[device->number]);
    return SUCCESS;
}

int nvmlDeviceGetVbiosVersion(device_t device, char *version, unsigned length) {
    ALIVE(device);
    snprintf(version, length, "92.00.36.00.0%d", device->number);
    return SUCCESS;
}

int nvmlDeviceGetIndex(device_t device, unsigned *index) {
    ALIVE(device);
    *index = (unsigned)device->number;
    return SUCCESS;
}

int nvmlDeviceGetName(device_t device, char *name, unsigned length) {
    ALIVE(device);
    FILE *file = fopen(path("name", device->number), "r");
    if (!file || !fgets(name, (int)length, file)) snprintf(name, length, "NVIDIA A100-SXM4-40GB");
    if (file) fclose(file);
    return SUCCESS;
}

/* A virtual GPU tells neither energy nor power. */
#define PHYSICAL(device) ALIVE(device); if (there("vgpu", -1)) return NOT_SUPPORTED

#ifndef NO_ENERGY_COUNTER
int nvmlDeviceGetTotalEnergyConsumption(device_t device, unsigned long long *energy_mj) {
    PHYSICAL(device);
    long since = number("since_ms", -1, -1);
    /* Since the driver was loaded: unless that was just now, it does not begin at zero. */
    if (since < 0) *energy_mj = 7000000000ull + energy_uj(device->number, last_tick()) / 1000;
    else *energy_mj = (energy_uj(device->number, last_tick()) - energy_uj(device->number, since)) / 1000;
    return SUCCESS;
}
#endif

int nvmlDeviceGetPowerUsage(device_t device, unsigned *power) {
    PHYSICAL(device);
    *power = power_mw(device->number, AVERAGE_MS);
    return SUCCESS;
}

typedef struct {
    unsigned field, scope;
    long long timestamp, latency;
    int type, code;
    union { double d; unsigned u; unsigned long long ull; } value;
} field_t;

#ifndef NO_POWER_FIELDS
int nvmlDeviceGetFieldValues(device_t device, int count, field_t *fields) {
    PHYSICAL(device);
    for (int i = 0; i < count; i++) {
        fields[i].type = 1; /* NVML_VALUE_TYPE_UNSIGNED_INT */
        fields[i].code = SUCCESS;
        if (fields[i].field == 185) fields[i].value.u = power_mw(device->number, AVERAGE_MS);
        else if (fields[i].field == 186) fields[i].value.u = power_mw(device->number, TICK_MS);
        else fields[i].code = NOT_SUPPORTED;
    }
    return SUCCESS;
}
#endif

int nvmlDeviceGetPowerManagementLimit(device_t device, unsigned *limit) {
    ALIVE(device);
    *limit = (unsigned)number("limit", device->number, default_mw);
    return SUCCESS;
}

int nvmlDeviceGetPowerManagementDefaultLimit(device_t device, unsigned *limit) {
    ALIVE(device);
    *limit = default_mw;
    return SUCCESS;
}

int nvmlDeviceGetPowerManagementLimitConstraints(device_t device, unsigned *least, unsigned *most) {
    ALIVE(device);
    *least = least_mw;
    *most = most_mw;
    return SUCCESS;
}

int nvmlDeviceSetPowerManagementLimit(device_t device, unsigned limit) {
    if (limit < least_mw || limit > most_mw) return INVALID_ARGUMENT;
    return change("limit", device, limit);
}

#ifndef NO_LOCKED_CLOCKS
static int clear(const char *name, device_t device) {
    if (there("lost", device->number)) return LOST;
    if (there("refused", -1)) return NO_PERMISSION;
    unlink(path(name, device->number));
    return SUCCESS;
}

int nvmlDeviceSetGpuLockedClocks(device_t device, unsigned least, unsigned most) {
    return least > most ? INVALID_ARGUMENT : change("lock", device, most);
}

int nvmlDeviceResetGpuLockedClocks(device_t device) { return clear("lock", device); }

int nvmlDeviceSetMemoryLockedClocks(device_t device, unsigned least, unsigned most) {
    return least > most ? INVALID_ARGUMENT : change("memory_lock", device, most);
}

int nvmlDeviceResetMemoryLockedClocks(device_t device) { return clear("memory_lock", device); }
#endif

static int list(const unsigned *from, unsigned length, unsigned *count, unsigned *to) {
    unsigned room = *count;
    *count = length;
    if (room < length) return INSUFFICIENT_SIZE;
    memcpy(to, from, length * sizeof *from);
    return SUCCESS;
}

int nvmlDeviceGetSupportedMemoryClocks(device_t device, unsigned *count, unsigned *mhz) {
    ALIVE(device);
    return list(memory_clocks, sizeof memory_clocks / sizeof *memory_clocks, count, mhz);
}

int nvmlDeviceGetSupportedGraphicsClocks(device_t device, unsigned memory, unsigned *count, unsigned *mhz) {
    ALIVE(device);
    if (memory != memory_clocks[0]) return NOT_FOUND;
    return list(clocks, sizeof clocks / sizeof *clocks, count, mhz);
}

int nvmlDeviceGetClockInfo(device_t device, int type, unsigned *mhz) {
    ALIVE(device);
    int memory = type == 2; /* NVML_CLOCK_MEM */
    *mhz = (unsigned)number(memory ? "memory_lock" : "lock", device->number, memory ? memory_clocks[0] : clocks[0]);
    return SUCCESS;
}

int nvmlDeviceGetTemperature(device_t device, int sensor, unsigned *celsius) {
    ALIVE(device);
    if (sensor != 0) return INVALID_ARGUMENT;
    *celsius = 30 + power_mw(device->number, AVERAGE_MS) / 10000;
    return SUCCESS;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(device_t device, unsigned long long *reasons) {
    ALIVE(device);
    unsigned limit = (unsigned)number("limit", device->number, default_mw), power = power_mw(device->number, TICK_MS);
    /* nvmlClocksThrottleReasonSwPowerCap, nvmlClocksThrottleReasonGpuIdle */
    *reasons = power >= limit ? 4 : power == 0 ? 1 : 0;
    *reasons |= (unsigned long long)number("reasons", device->number, 0);
    return SUCCESS;
}

typedef struct { unsigned gpu, memory; } utilization_t;

int nvmlDeviceGetUtilizationRates(device_t device, utilization_t *rates) {
    ALIVE(device);
    unsigned busy = power_mw(device->number, TICK_MS) > 60000;
    rates->gpu = busy * 97;
    rates->memory = busy * 40;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(device_t device, unsigned *current, unsigned *pending) {
    ALIVE(device);
    *current = *pending = there("mig", device->number);
    return SUCCESS;
}

int nvmlDeviceGetVirtualizationMode(device_t device, int *mode) {
    ALIVE(device);
    *mode = there("vgpu", -1) ? 2 : 0; /* NVML_GPU_VIRTUALIZATION_MODE_VGPU */
    return SUCCESS;
}
