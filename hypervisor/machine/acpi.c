/* SPDX-License-Identifier: ISC */
/*
 * acpi.c - the ACPI tables of a PC with nothing but processors, interrupt controllers, and registers that turn it off;
 * offsets and values are those of the ACPI specification, 6.4, chapter 5.2. A table is filled in as bytes at offsets,
 * since its fields are not aligned.
 */
#include "machine/pc.h"

#include "device/board.h"
#include "device/control.h"
#include "engine/engine.h"

#include <string.h>

/* Where each table is, from PC_ACPI on. */
enum {
	RSDP = 0,
	XSDT = 0x40,
	FACS = 0x80, /* aligned to 64 */
	FADT = 0x100,
	DSDT = 0x300,
	MADT = 0x400,
	TABLES_END = 0x1000,
};

enum {
	HEADER = 36, /* bytes that all tables but RSDP and FACS begin with */
	LENGTH_AT = 4,
	REVISION_AT = 8,
	CHECKSUM_AT = 9,
	RSDP_SIZE = 36,
	FACS_SIZE = 64,
	FADT_SIZE = 244,
	LOCAL_APIC_SIZE = 8,
	IO_APIC_SIZE = 12,
	OVERRIDE_SIZE = 10,
	NMI_SIZE = 6,
	APICS = HEADER + 8, /* the first entry of the MADT */
};

#define LOCAL_APIC UINT64_C(0xfee00000)
#define IO_APIC UINT64_C(0xfec00000)

_Static_assert(MADT + APICS + ENGINE_MAX_VCPUS * LOCAL_APIC_SIZE + IO_APIC_SIZE + OVERRIDE_SIZE + NMI_SIZE <=
		       TABLES_END,
	       "all tables fit into a page");
_Static_assert(PC_ACPI + TABLES_END <= PC_ACPI_END, "which is theirs");

/* ---- bytes ---- */

static void put(uint8_t *table, size_t at, uint64_t value, size_t bytes)
{
	memcpy(table + at, &value, bytes);
}

/* Without the NUL: names there have a fixed length. */
static void put_text(uint8_t *table, size_t at, const char *text)
{
	while (*text)
		table[at++] = (uint8_t)*text++;
}

/* Sets the byte that makes the sum of all zero. */
static void put_checksum(uint8_t *table, size_t at, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + table[i]);
	table[at] = (uint8_t)(table[at] - sum);
}

static void begin(uint8_t *table, const char *signature, uint8_t revision, size_t size)
{
	put_text(table, 0, signature);
	put(table, LENGTH_AT, size, 4);
	table[REVISION_AT] = revision;
	put_text(table, 10, "PSTERN");
	put_text(table, 16, "POSTERN ");
	put(table, 24, 1, 4);
	put_text(table, 28, "PSTN");
	put(table, 32, 1, 4);
}

static void end(uint8_t *table, size_t size)
{
	put_checksum(table, CHECKSUM_AT, size);
}

/* ---- what there is to run ---- */

/*
 * Name (_S5, Package () { 5, 5, 0, 0 }): which sleep type turns the machine off. Bytes of AML:
 *   08 5f 53 35 5f      NameOp "_S5_"
 *   12 08 04            PackageOp, length 8 from here, 4 elements
 *   0a 05 0a 05         BytePrefix 5, twice: for PM1a and PM1b
 *   00 00               ZeroOp, twice
 */
static const uint8_t aml[] = {
	0x08, 0x5f, 0x53, 0x35, 0x5f, 0x12, 0x08, 0x04, 0x0a, CONTROL_SLEEP_OFF, 0x0a, CONTROL_SLEEP_OFF,
	0x00, 0x00,
};

static void write_dsdt(uint8_t *tables)
{
	uint8_t *dsdt = tables + DSDT;

	begin(dsdt, "DSDT", 2, HEADER + sizeof aml);
	memcpy(dsdt + HEADER, aml, sizeof aml);
	end(dsdt, HEADER + sizeof aml);
}

/* ---- the fixed hardware ---- */

/* A register in I/O space, as a generic address structure. */
static void put_port(uint8_t *table, size_t at, uint64_t port, uint64_t bytes)
{
	put(table, at, 1, 1);
	put(table, at + 1, bytes * 8, 1);
	put(table, at + 3, bytes, 1); /* 1: by bytes, 2: by words */
	put(table, at + 4, port, 8);
}

enum {
	HAS_LEGACY_DEVICES = 1 << 0, /* of the boot architecture flags: the serial port */
	HAS_NO_VGA = 1 << 2,
	HAS_WBINVD = 1 << 0, /* of the feature flags */
	HAS_NO_POWER_BUTTON = 1 << 4,
	HAS_NO_SLEEP_BUTTON = 1 << 5,
	HAS_NO_CLOCK_WAKE = 1 << 6,
	HAS_RESET_REGISTER = 1 << 10,
	CENTURY_AT = 0x32, /* in the real-time clock's memory */
};

static void write_fadt(uint8_t *tables)
{
	uint8_t *fadt = tables + FADT;

	begin(fadt, "FACP", 4, FADT_SIZE);
	put(fadt, 36, PC_ACPI + FACS, 4);
	put(fadt, 40, PC_ACPI + DSDT, 4);
	put(fadt, 46, BOARD_POWER_LINE, 2);
	put(fadt, 56, CONTROL_PM1_EVENT, 4);
	put(fadt, 64, CONTROL_PM1_CONTROL, 4);
	put(fadt, 88, CONTROL_PM1_EVENT_BYTES, 1);
	put(fadt, 89, CONTROL_PM1_CONTROL_BYTES, 1);
	put(fadt, 96, 0xffff, 2); /* latencies of C2 and C3: there are none */
	put(fadt, 98, 0xffff, 2);
	put(fadt, 108, CENTURY_AT, 1);
	put(fadt, 109, HAS_LEGACY_DEVICES | HAS_NO_VGA, 2);
	put(fadt, 112,
	    HAS_WBINVD | HAS_NO_POWER_BUTTON | HAS_NO_SLEEP_BUTTON | HAS_NO_CLOCK_WAKE | HAS_RESET_REGISTER,
	    4);
	put_port(fadt, 116, CONTROL_RESET, 1);
	put(fadt, 128, CONTROL_RESET_VALUE, 1);
	put(fadt, 132, PC_ACPI + FACS, 8);
	put(fadt, 140, PC_ACPI + DSDT, 8);
	put_port(fadt, 148, CONTROL_PM1_EVENT, 2);
	put(fadt, 149, UINT64_C(8) * CONTROL_PM1_EVENT_BYTES, 1);
	put_port(fadt, 172, CONTROL_PM1_CONTROL, CONTROL_PM1_CONTROL_BYTES);
	end(fadt, FADT_SIZE);
}

/* A lock and a vector for waking up, neither of which is used. It has no checksum. */
static void write_facs(uint8_t *tables)
{
	uint8_t *facs = tables + FACS;

	put_text(facs, 0, "FACS");
	put(facs, LENGTH_AT, FACS_SIZE, 4);
	put(facs, 32, 2, 1); /* version */
}

/* ---- processors and interrupts ---- */

static size_t put_entry(uint8_t *table, size_t at, uint8_t kind, uint8_t size)
{
	table[at] = kind;
	table[at + 1] = size;
	return at + size;
}

static void write_madt(uint8_t *tables, unsigned vcpus)
{
	uint8_t *madt = tables + MADT;
	size_t at = APICS;

	begin(madt, "APIC", 4, 0);
	put(madt, HEADER, LOCAL_APIC, 4);
	put(madt, HEADER + 4, 1, 4); /* two 8259 as well */
	for (unsigned i = 0; i < vcpus; i++) {
		madt[at + 2] = madt[at + 3] = (uint8_t)i; /* number of the processor, and of its APIC */
		madt[at + 4] = 1;                         /* enabled */
		at = put_entry(madt, at, 0, LOCAL_APIC_SIZE);
	}
	madt[at + 2] = (uint8_t)vcpus; /* its number; lines begin at 0 */
	put(madt, at + 4, IO_APIC, 4);
	at = put_entry(madt, at, 1, IO_APIC_SIZE);
	madt[at + 3] =
		BOARD_POWER_LINE; /* ACPI's line stays where it is, but is level-triggered, active high */
	put(madt, at + 4, BOARD_POWER_LINE, 4);
	put(madt, at + 8, 0x0d, 2);
	at = put_entry(madt, at, 2, OVERRIDE_SIZE);
	madt[at + 2] = 0xff; /* of all processors, LINT1 is the NMI */
	madt[at + 5] = 1;
	at = put_entry(madt, at, 4, NMI_SIZE);
	put(madt, LENGTH_AT, at, 4);
	end(madt, at);
}

/* ---- the root ---- */

static void write_roots(uint8_t *tables)
{
	uint8_t *rsdp = tables + RSDP;
	uint8_t *xsdt = tables + XSDT;

	begin(xsdt, "XSDT", 1, HEADER + 16);
	put(xsdt, HEADER, PC_ACPI + FADT, 8);
	put(xsdt, HEADER + 8, PC_ACPI + MADT, 8);
	end(xsdt, HEADER + 16);

	put_text(rsdp, 0, "RSD PTR ");
	put_text(rsdp, 9, "PSTERN");
	rsdp[15] = 2; /* revision */
	put(rsdp, 20, RSDP_SIZE, 4);
	put(rsdp, 24, PC_ACPI + XSDT, 8);
	put_checksum(rsdp, 8, 20); /* of what revision 0 had */
	put_checksum(rsdp, 32, RSDP_SIZE);
}

void pc_write_acpi(const struct guest_memory *memory, unsigned vcpus)
{
	uint8_t *tables = memory->base + PC_ACPI;

	memset(tables, 0, TABLES_END);
	write_dsdt(tables);
	write_facs(tables);
	write_fadt(tables);
	write_madt(tables, vcpus);
	write_roots(tables);
}
