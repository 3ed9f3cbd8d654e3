/* SPDX-License-Identifier: ISC */
/* proc_processor.c - /proc/cpuinfo: what CPUID tells of the processor, in the names that Linux has for it. */
#include "fs/proc.h"

#include "task/task.h"

enum { A, B, C, D, REGISTERS };

struct processor {
	uint32_t vendor[3];
	uint32_t brand[12];
	uint32_t family, model, stepping;
};

/* The names of the bits of one register; what is of no use to a program has none. */
static const struct feature_word {
	uint32_t leaf, sub;
	unsigned where;
	const char *names[32];
} words[] = {
	{ 1, 0, D, { "fpu",  "vme",  "de",   "pse", "tsc",  "msr", "pae",   "mce", "cx8",     "apic", NULL,
		     "sep",  "mtrr", "pge",  "mca", "cmov", "pat", "pse36", "pn",  "clflush", NULL,   "dts",
		     "acpi", "mmx",  "fxsr", "sse", "sse2", "ss",  "ht",    "tm",  "ia64",    "pbe" } },
	{ 0x80000001,
	  0,
	  D,
	  { [11] = "syscall",
	    [20] = "nx",
	    [22] = "mmxext",
	    [25] = "fxsr_opt",
	    [26] = "pdpe1gb",
	    [27] = "rdtscp",
	    [29] = "lm",
	    [30] = "3dnowext",
	    [31] = "3dnow" } },
	{ 1,
	  0,
	  C,
	  { "pni", "pclmulqdq", [9] = "ssse3", [12] = "fma", [13] = "cx16", [17] = "pcid", [19] = "sse4_1",
	    [20] = "sse4_2", [22] = "movbe", [23] = "popcnt", [25] = "aes", [26] = "xsave", [28] = "avx",
	    [29] = "f16c", [30] = "rdrand", [31] = "hypervisor" } },
	{ 0x80000001,
	  0,
	  C,
	  { "lahf_lm", [5] = "abm", [6] = "sse4a", [7] = "misalignsse", [8] = "3dnowprefetch", [11] = "xop",
	    [16] = "fma4", [21] = "tbm" } },
	{ 7,
	  0,
	  B,
	  { "fsgsbase", [3] = "bmi1", [4] = "hle", [5] = "avx2", [8] = "bmi2", [9] = "erms", [11] = "rtm",
	    [16] = "avx512f", [17] = "avx512dq", [18] = "rdseed", [19] = "adx", [21] = "avx512ifma",
	    [23] = "clflushopt", [24] = "clwb", [28] = "avx512cd", [29] = "sha_ni", [30] = "avx512bw",
	    [31] = "avx512vl" } },
	{ 7,
	  0,
	  C,
	  { [1] = "avx512vbmi",
	    [6] = "avx512_vbmi2",
	    [8] = "gfni",
	    [9] = "vaes",
	    [10] = "vpclmulqdq",
	    [11] = "avx512_vnni",
	    [12] = "avx512_bitalg",
	    [14] = "avx512_vpopcntdq",
	    [22] = "rdpid",
	    [27] = "movdiri",
	    [28] = "movdir64b" } },
	{ 7, 0, D, { [4] = "fsrm", [14] = "serialize" } },
	{ 7, 1, A, { [4] = "avx_vnni", [5] = "avx512_bf16" } },
	{ 0xd, 1, A, { "xsaveopt", "xsavec", "xgetbv1" } },
};

static void cpuid(uint32_t leaf, uint32_t sub, uint32_t out[REGISTERS])
{
	__asm__ volatile("cpuid"
			 : "=a"(out[A]), "=b"(out[B]), "=c"(out[C]), "=d"(out[D])
			 : "a"(leaf), "c"(sub));
}

/* Leaves beyond the last answer something else. */
static bool has_leaf(uint32_t leaf)
{
	uint32_t out[REGISTERS];

	cpuid(leaf & 0x80000000, 0, out);
	return leaf <= out[A];
}

static void read_processor(struct processor *processor)
{
	uint32_t out[REGISTERS];

	cpuid(0, 0, out);
	processor->vendor[0] = out[B];
	processor->vendor[1] = out[D];
	processor->vendor[2] = out[C];
	cpuid(1, 0, out);
	processor->family = (out[A] >> 8 & 15) + (out[A] >> 20 & 255);
	processor->model = (out[A] >> 4 & 15) | (out[A] >> 12 & 0xf0);
	processor->stepping = out[A] & 15;
	for (uint32_t i = 0; i < 3; i++)
		cpuid(0x80000002 + i, 0, &processor->brand[4 * i]);
}

static void show_features(struct text *text)
{
	text_print(text, "flags\t\t:");
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		uint32_t out[REGISTERS] = { 0 };

		if (has_leaf(words[i].leaf))
			cpuid(words[i].leaf, words[i].sub, out);
		for (unsigned bit = 0; bit < 32; bit++) {
			if (out[words[i].where] >> bit & 1 && words[i].names[bit])
				text_print(text, " %s", words[i].names[bit]);
		}
	}
}

void proc_show_processors(struct text *text)
{
	struct processor processor;

	read_processor(&processor);
	for (uint32_t i = 0; i < guest_boot()->vcpus; i++) {
		text_print(text, "processor\t: %u\nvendor_id\t: %.12s\ncpu family\t: %u\nmodel\t\t: %u\n", i,
			   (const char *)processor.vendor, processor.family, processor.model);
		text_print(text, "model name\t: %.48s\nstepping\t: %u\nphysical id\t: 0\nsiblings\t: %u\n",
			   (const char *)processor.brand, processor.stepping, guest_boot()->vcpus);
		text_print(text, "core id\t\t: %u\ncpu cores\t: %u\n", i, guest_boot()->vcpus);
		show_features(text);
		text_print(text, "\nclflush size\t: 64\ncache_alignment\t: 64\n\n");
	}
}
