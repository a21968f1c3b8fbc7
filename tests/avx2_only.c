/* A library for LD_PRELOAD: the process sees a processor of the AVX2 generation, without AVX-512, VNNI and AMX.
 *
 * `make test-avx2` runs the tests of int8 with it, since kernels are chosen by the instruction CPUID and an int8 model that is
 * right on a processor with VNNI may be wrong on one without. Linux makes CPUID fault on request (arch_prctl(2),
 * ARCH_SET_CPUID; the flag cpuid_fault in /proc/cpuinfo); the handler executes it and clears the bits of what is newer.
 * Bits: Intel SDM, volume 2A, CPUID, leaf 7.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define BIT(n) (UINT32_C(1) << (n))

static const uint32_t AVX512_EBX = BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31);
static const uint32_t AVX512_ECX = BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14);
static const uint32_t AVX512_AMX_EDX = BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25);

static int cpuid_allowed(int yes) { return (int)syscall(SYS_arch_prctl, ARCH_SET_CPUID, yes); }

static void on_fault(int number, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *code = (const uint8_t *)registers[REG_RIP];
    (void)info;
    if (code[0] != 0x0f || code[1] != 0xa2) { /* not CPUID: a real fault */
        struct sigaction usual = {.sa_handler = SIG_DFL};
        syscall(SYS_rt_sigaction, number, &usual, NULL, 8);
        return;
    }
    uint32_t leaf = (uint32_t)registers[REG_RAX], part = (uint32_t)registers[REG_RCX], a, b, c, d;
    cpuid_allowed(1);
    __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(leaf), "c"(part));
    cpuid_allowed(0);
    if (leaf == 7 && part == 0) {
        b &= ~AVX512_EBX;
        c &= ~AVX512_ECX;
        d &= ~AVX512_AMX_EDX;
    } else if (leaf == 7) {
        a = b = c = d = 0; /* AVX-VNNI and later */
    }
    registers[REG_RAX] = a;
    registers[REG_RBX] = b;
    registers[REG_RCX] = c;
    registers[REG_RDX] = d;
    registers[REG_RIP] += 2;
}

/* Python's faulthandler and compilers would take the signal: they learn that they did. */
int sigaction(int number, const struct sigaction *action, struct sigaction *before) {
    static int (*real)(int, const struct sigaction *, struct sigaction *);
    if (!real) real = (int (*)(int, const struct sigaction *, struct sigaction *))dlsym(RTLD_NEXT, "sigaction");
    if (number == SIGSEGV && action && action->sa_sigaction != on_fault) {
        if (before) memset(before, 0, sizeof *before);
        return 0;
    }
    return real(number, action, before);
}

sighandler_t signal(int number, sighandler_t handler) {
    static sighandler_t (*real)(int, sighandler_t);
    if (!real) real = (sighandler_t (*)(int, sighandler_t))dlsym(RTLD_NEXT, "signal");
    return number == SIGSEGV ? SIG_DFL : real(number, handler);
}

__attribute__((constructor)) static void begin(void) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
    if (cpuid_allowed(0) != 0) {
        fputs("avx2_only: this processor or kernel cannot make CPUID fault, so no feature can be masked.\n", stderr);
        _exit(3);
    }
}
