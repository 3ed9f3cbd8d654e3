/* SPDX-License-Identifier: ISC */
/* kernels.c - makes tiny kernels. */
#include "kernels.h"

#include <stddef.h>
#include <string.h>

void bz_fill(struct bz *bz)
{
	*bz = (struct bz){
		.header = {
			.setup_sects = BZ_SECTORS,
			.syssize = BZ_KERNEL / 16,
			.boot_flag = 0xaa55,
			.jump = (uint16_t)((0x1f1 + sizeof bz->header - 0x202) << 8 | 0xeb),
			.header = 0x53726448,
			.version = 0x20f,
			.loadflags = LOADED_HIGH,
			.initrd_addr_max = 0x7fffffff,
			.kernel_alignment = 0x200000,
			.relocatable_kernel = 1,
			.xloadflags = XLF_KERNEL_64,
			.cmdline_size = 255,
			.payload_offset = 0x100,
			.payload_length = 0x400,
			.pref_address = 0x1000000,
			.init_size = 0x100000,
		},
	};
	for (size_t i = 0; i < sizeof bz->kernel; i++)
		bz->kernel[i] = (uint8_t)i;
}

void pvh_fill(struct pvh *pvh)
{
	*pvh = (struct pvh){
		.header = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_phoff = offsetof(struct pvh, programs),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = PVH_PROGRAMS,
		},
		.programs = {
			{
				.p_type = PT_LOAD,
				.p_flags = PF_R | PF_X,
				.p_offset = offsetof(struct pvh, code),
				.p_vaddr = 0xffffffff81000000,
				.p_paddr = PVH_AT,
				.p_filesz = sizeof pvh->code,
				.p_memsz = sizeof pvh->code,
			},
			{
				.p_type = PT_LOAD,
				.p_flags = PF_R | PF_W,
				.p_offset = offsetof(struct pvh, data),
				.p_vaddr = 0xffffffff81001000,
				.p_paddr = PVH_AT + 0x1000,
				.p_filesz = sizeof pvh->data,
				.p_memsz = 0x2000,
			},
			{
				.p_type = PT_NOTE,
				.p_offset = offsetof(struct pvh, note),
				.p_filesz = sizeof pvh->note,
				.p_align = 4,
			},
		},
		.note = {
			.header = { .n_namesz = 4, .n_descsz = 8, .n_type = 18 },
			.owner = "Xen",
			.entry = PVH_AT + 16,
		},
	};
	memset(pvh->code, 0x90, sizeof pvh->code);
	memset(pvh->data, 0xda, sizeof pvh->data);
}
