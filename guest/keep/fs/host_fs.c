/* SPDX-License-Identifier: ISC */
/*
 * host_fs.c - directories and names of the host. The host resolves one name at a time, in a directory for which keep has
 * a handle, and follows no links: paths are keep's. An inode is found again by the host's number, so that all who open a
 * file share what is at hand of it.
 */
#include "fs/host_fs.h"
#include "fs/host_node.h"
#include "fs/path.h"
#include "fs/pipe.h"

#include <asm/fcntl.h>

enum { MAGIC = 0x01021997 /* as 9p: a share of the host's */, LIST_SIZE = 32768, FIRST_DEVICE = 0x100 };

/* Positions in a list, before those of the host's. */
#define AT_PARENT ((uint64_t)INT64_MAX - 1)
#define AT_NAMES ((uint64_t)INT64_MAX - 2)

struct list host_nodes[HOST_TABLE];

static const struct inode_functions functions;

static struct list *bucket(uint64_t number)
{
	struct list *head = &host_nodes[number % HOST_TABLE];

	if (!head->next)
		list_init(head);
	return head;
}

/* ---- what the host tells ---- */

static uint32_t mode_of(const struct postern_file_info *info)
{
	static const uint32_t kinds[] = {
		[POSTERN_FILE_KIND_REGULAR] = MODE_REGULAR,
		[POSTERN_FILE_KIND_DIRECTORY] = MODE_DIRECTORY,
		[POSTERN_FILE_KIND_SYMBOLIC_LINK] = MODE_LINK,
		[POSTERN_FILE_KIND_FIFO] = MODE_FIFO,
		[POSTERN_FILE_KIND_SOCKET] = MODE_SOCKET,
		[POSTERN_FILE_KIND_CHARACTER_DEVICE] = MODE_CHARACTER,
		[POSTERN_FILE_KIND_BLOCK_DEVICE] = MODE_BLOCK,
	};
	const uint32_t kind = info->kind < COUNT_OF(kinds) ? kinds[info->kind] : 0;

	return (kind ? kind : MODE_REGULAR) | (info->mode & 07777);
}

static int64_t time_of(const struct postern_file_time *time)
{
	int64_t result;

	if (__builtin_mul_overflow(time->seconds, INT64_C(1000000000), &result) ||
	    __builtin_add_overflow(result, time->nanoseconds, &result))
		return time->seconds < 0 ? INT64_MIN + 1 : INT64_MAX;
	return result;
}

void host_take_info(struct host_node *node, const struct postern_file_info *info)
{
	struct inode *inode = &node->inode;
	const int64_t modified = time_of(&info->modified);

	if ((inode->size != info->length || inode->modified != modified) && !node->is_changed_here)
		host_forget_contents(node, 0);
	node->is_changed_here = false;
	inode->mode = mode_of(info);
	inode->links = info->links;
	inode->owner = info->owner;
	inode->group = info->group;
	inode->size = info->length;
	inode->allocated = info->allocated;
	inode->accessed = time_of(&info->accessed);
	inode->modified = modified;
	inode->changed = time_of(&info->changed);
	inode->created = time_of(&info->created);
}

/* ---- nodes ---- */

static struct host_node *find_node(const struct host_volume *volume, const struct postern_file_info *info)
{
	struct host_node *node;

	list_for_each(node, bucket(info->inode), struct host_node, link)
	{
		if (node->volume == volume && node->inode.number == info->inode &&
		    node->host_device == info->volume &&
		    (node->inode.mode & MODE_KIND) == (mode_of(info) & MODE_KIND))
			return node;
	}
	return NULL;
}

static struct host_node *create_node(struct host_volume *volume, const struct postern_file_info *info)
{
	struct host_node *node = calloc(1, sizeof *node);

	if (!node)
		return NULL;
	inode_init(&node->inode, &functions, mode_of(info));
	node->inode.device = volume->device + (info->volume & 0xff);
	node->inode.number = info->inode;
	node->volume = volume;
	node->host_device = info->volume;
	node->directory = node->made = POSTERN_NO_HANDLE;
	list_init(&node->reads);
	host_take_info(node, info);
	list_add(bucket(info->inode), &node->link);
	return node;
}

static void free_one(struct host_node *node)
{
	list_remove(&node->link);
	host_forget_contents(node, 0);
	cache_free(&node->cache);
	if (node->directory != POSTERN_NO_HANDLE)
		host_close(node->directory);
	if (node->made != POSTERN_NO_HANDLE)
		host_close(node->made);
	free(node->name);
	free(node);
}

/* With the directories above it that nobody else holds: they may be many, and a kernel stack is small. */
static void free_node(struct inode *inode)
{
	struct host_node *node = host_node_of(inode);

	while (node) {
		struct host_node *parent = node->parent;

		free_one(node);
		node = parent && !--parent->inode.count ? parent : NULL;
	}
}

/* Where a node was found. A loop cannot come of it: a directory of the host's is not found below itself. */
static int set_place(struct host_node *node, struct host_node *parent, const char *name, size_t length)
{
	char *copy;

	if (node->parent == parent && strlen(node->name) == length && !memcmp(node->name, name, length))
		return 0;
	copy = malloc(length + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, length);
	copy[length] = '\0';
	inode_hold(&parent->inode);
	if (node->parent)
		inode_drop(&node->parent->inode);
	free(node->name);
	node->parent = parent;
	node->name = copy;
	return 0;
}

int host_open_directory(struct host_node *node)
{
	struct host_path path;
	uint32_t flags = POSTERN_FILE_OPEN_FLAGS_DIRECTORY | POSTERN_FILE_OPEN_FLAGS_NO_LINKS;
	int64_t result;

	if (node->directory != POSTERN_NO_HANDLE)
		return 0;
	result = host_path_of(node, &path);
	if (result < 0)
		return (int)result;
	if (!node->volume->is_read_only)
		flags |= POSTERN_FILE_OPEN_FLAGS_CHANGE;
	result = host_open(&path, flags | POSTERN_FILE_OPEN_FLAGS_READ, 0);
	if (result == -EACCES)
		result = host_open(&path, flags, 0); /* it can be walked through all the same */
	if (result < 0)
		return (int)result;
	/* Somebody else may have been faster. */
	if (node->directory != POSTERN_NO_HANDLE)
		host_close((postern_handle_t)result);
	else
		node->directory = (postern_handle_t)result;
	return 0;
}

int host_path_of(struct host_node *node, struct host_path *path)
{
	int error;

	/* A root: of a mount that is one file, too, its handle is where paths start. */
	if (!node->parent) {
		*path = (struct host_path){ node->directory, ".", 1 };
		return 0;
	}
	error = host_open_directory(node->parent);
	if (!error)
		*path = (struct host_path){ node->parent->directory, node->name,
					    (uint32_t)strlen(node->name) };
	return error;
}

static int refresh(struct inode *inode)
{
	struct host_node *node = host_node_of(inode);
	struct postern_file_info info;
	struct host_path path;
	int64_t result;

	if (node->directory != POSTERN_NO_HANDLE) {
		result = host_info(node->directory, &info);
	} else {
		result = host_path_of(node, &path);
		if (!result)
			result = host_look(&path, &info);
		if (result == -ENOENT || (!result && info.inode != inode->number)) {
			inode->links = 0; /* removed, or renamed: what was known stays */
			return 0;
		}
	}
	if (result)
		return (int)result;
	host_take_info(node, &info);
	return 0;
}

/* ---- names ---- */

static int in_directory(struct inode *directory, const char *name, size_t length, struct host_path *path)
{
	struct host_node *node = host_node_of(directory);
	int error = host_open_directory(node);

	*path = (struct host_path){ node->directory, name, (uint32_t)length };
	return error;
}

/* The inode that the host tells of, which has a name in a directory; held. */
static int node_for(struct host_node *parent, const char *name, size_t length,
		    const struct postern_file_info *info, struct host_node **found)
{
	struct host_node *node = find_node(parent->volume, info);
	int error;

	if (node) {
		inode_hold(&node->inode);
		host_take_info(node, info);
	} else {
		node = create_node(parent->volume, info);
	}
	if (!node)
		return -ENOMEM;
	error = set_place(node, parent, name, length);
	if (error)
		inode_drop(&node->inode);
	else
		*found = node;
	return error;
}

static int look_up(struct inode *directory, const char *name, size_t length, struct inode **found)
{
	struct postern_file_info info;
	struct host_node *node;
	struct host_path path;
	int64_t result = in_directory(directory, name, length, &path);

	if (!result)
		result = host_look(&path, &info);
	if (!result)
		result = node_for(host_node_of(directory), name, length, &info, &node);
	if (!result)
		*found = &node->inode;
	return (int)result;
}

/* A regular file is made by opening it: whoever makes it may write to it, whatever its mode says. */
static int make_regular(struct inode *directory, const char *name, size_t length,
			const struct host_path *path, uint32_t mode, struct inode **made)
{
	const uint32_t flags = POSTERN_FILE_OPEN_FLAGS_CREATE | POSTERN_FILE_OPEN_FLAGS_EXCLUSIVE |
			       POSTERN_FILE_OPEN_FLAGS_READ | POSTERN_FILE_OPEN_FLAGS_WRITE |
			       POSTERN_FILE_OPEN_FLAGS_NO_LINKS;
	int64_t handle = host_open(path, flags, mode & 0777);
	struct postern_file_info info;
	struct host_node *node;
	int64_t result;

	if (handle < 0)
		return (int)handle;
	result = host_info((postern_handle_t)handle, &info);
	if (!result)
		result = node_for(host_node_of(directory), name, length, &info, &node);
	if (result || node->made != POSTERN_NO_HANDLE)
		host_close((postern_handle_t)handle);
	if (result)
		return (int)result;
	if (node->made == POSTERN_NO_HANDLE)
		node->made = (postern_handle_t)handle;
	*made = &node->inode;
	return 0;
}

static int make(struct inode *directory, const char *name, size_t length, uint32_t mode, uint64_t special,
		struct inode **made)
{
	static const struct {
		uint32_t mode, kind;
	} kinds[] = {
		{ MODE_DIRECTORY, POSTERN_FILE_KIND_DIRECTORY },
		{ MODE_FIFO, POSTERN_FILE_KIND_FIFO },
		{ MODE_SOCKET, POSTERN_FILE_KIND_SOCKET },
	};
	struct host_path path;
	int64_t result = in_directory(directory, name, length, &path);

	(void)special;
	if (result)
		return (int)result;
	if ((mode & MODE_KIND) == MODE_REGULAR)
		return make_regular(directory, name, length, &path, mode, made);
	result = -EPERM; /* devices */
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (kinds[i].mode == (mode & MODE_KIND))
			result = host_make(&path, kinds[i].kind, mode & 0777);
	}
	return result ? (int)result : look_up(directory, name, length, made);
}

static int make_symlink(struct inode *directory, const char *name, size_t length, const char *target)
{
	struct host_path path;
	int64_t result = in_directory(directory, name, length, &path);

	return (int)(result ? result : host_symlink(&path, target));
}

static int make_link(struct inode *directory, const char *name, size_t length, struct inode *inode)
{
	struct host_path old;
	struct host_path new;
	int64_t result = host_path_of(host_node_of(inode), &old);

	if (!result)
		result = in_directory(directory, name, length, &new);
	return (int)(result ? result : host_link(&old, &new));
}

static int remove_name(struct inode *directory, const char *name, size_t length, bool is_directory)
{
	struct host_path path;
	int64_t result = in_directory(directory, name, length, &path);

	return (int)(result ? result : host_remove(&path, is_directory));
}

static int rename_name(struct inode *from, const char *name, size_t length, struct inode *to,
		       const char *new_name, size_t new_length, unsigned flags)
{
	struct host_path old;
	struct host_path new;
	int64_t result = in_directory(from, name, length, &old);

	if (!result)
		result = in_directory(to, new_name, new_length, &new);
	return (int)(result ? result : host_rename(&old, &new, flags));
}

static int64_t read_link(struct inode *inode, char *to, size_t size)
{
	char *text = guest_pages_alloc(1);
	struct host_path path;
	int64_t result = text ? host_path_of(host_node_of(inode), &path) : -ENOMEM;

	if (!result)
		result = host_target(&path, text, PAGE_SIZE);
	if (result > 0) {
		result = (int64_t)least((uint64_t)result, size);
		memcpy(to, text, (size_t)result);
	}
	guest_pages_free(text, 1);
	return result;
}

/* ---- attributes ---- */

static int change(struct inode *inode, const struct postern_file_change *how)
{
	const uint32_t flags = POSTERN_FILE_OPEN_FLAGS_CHANGE | POSTERN_FILE_OPEN_FLAGS_NO_LINKS;
	struct host_node *node = host_node_of(inode);
	struct host_path path;
	int64_t file;
	int64_t result;

	if (!node->parent)
		return (int)host_change(node->directory, how);
	result = host_path_of(node, &path);
	if (result)
		return (int)result;
	file = host_open(&path, flags, 0);
	if (file < 0)
		return (int)file;
	result = host_change((postern_handle_t)file, how);
	host_close((postern_handle_t)file);
	return (int)result;
}

static int change_mode(struct inode *inode, uint32_t mode)
{
	struct postern_file_change how = POSTERN_INIT(file_change);

	if (mode & 07000) /* no bits by which a program of the host's would get other rights */
		return -EPERM;
	how.fields = POSTERN_FILE_CHANGE_FIELDS_MODE;
	how.mode = mode & 0777;
	return change(inode, &how);
}

static int change_owner(struct inode *inode, uint32_t owner, uint32_t group)
{
	struct postern_file_change how = POSTERN_INIT(file_change);
	int error;

	if (owner != UINT32_MAX) {
		how.fields |= POSTERN_FILE_CHANGE_FIELDS_OWNER;
		how.owner = owner;
	}
	if (group != UINT32_MAX) {
		how.fields |= POSTERN_FILE_CHANGE_FIELDS_GROUP;
		how.group = group;
	}
	if (!how.fields)
		return 0;
	error = change(inode, &how);
	return error == -EACCES ? -EPERM : error;
}

static struct postern_file_time to_time(int64_t nanoseconds)
{
	int64_t seconds = nanoseconds / 1000000000;
	int64_t rest = nanoseconds % 1000000000;

	if (rest < 0) {
		seconds--;
		rest += 1000000000;
	}
	return (struct postern_file_time){ seconds, (uint32_t)rest, 0 };
}

static int change_times(struct inode *inode, const struct inode_times *times)
{
	struct postern_file_change how = POSTERN_INIT(file_change);

	if (times->accessed != INT64_MIN) {
		how.fields |= POSTERN_FILE_CHANGE_FIELDS_ACCESSED;
		how.accessed = to_time(times->accessed);
	}
	if (times->modified != INT64_MIN) {
		how.fields |= POSTERN_FILE_CHANGE_FIELDS_MODIFIED;
		how.modified = to_time(times->modified);
	}
	return how.fields ? change(inode, &how) : 0;
}

/* ---- directories ---- */

/* Hands on the records of one piece. Returns false when there is no more room. */
static bool hand_on(struct file *file, const char *records, size_t size, file_list_function *list,
		    void *context)
{
	for (size_t at = 0; at + sizeof(struct postern_file_entry) <= size;) {
		const struct postern_file_entry *entry = (const void *)(records + at);

		if (entry->length < sizeof *entry || entry->length > size - at ||
		    entry->name_length > entry->length - sizeof *entry)
			return false; /* nothing that a host would write */
		if (!list(context, (const char *)(entry + 1), entry->name_length, entry->inode, 0,
			  entry->next))
			return false;
		file->position = entry->next;
		at += entry->length;
	}
	return true;
}

static int list_host(struct file *file, file_list_function *list, void *context)
{
	struct host_node *node = host_node_of(file->inode);
	char *records = guest_pages_alloc(LIST_SIZE / PAGE_SIZE);
	int64_t result = records ? host_open_directory(node) : -ENOMEM;

	while (result >= 0) {
		result = host_list(node->directory, file->position == AT_NAMES ? 0 : file->position, records,
				   LIST_SIZE);
		if (result <= 0 || !hand_on(file, records, (size_t)result, list, context))
			break;
	}
	guest_pages_free(records, LIST_SIZE / PAGE_SIZE);
	return result < 0 ? (int)result : 0;
}

static int list_names(struct file *file, file_list_function *list, void *context)
{
	if (file->position == 0) {
		if (!list(context, ".", 1, file->inode->number, MODE_DIRECTORY >> 12, AT_PARENT))
			return 0;
		file->position = AT_PARENT;
	}
	if (file->position == AT_PARENT) {
		const struct directory_entry *parent = file->entry ? file->entry->parent : NULL;

		if (!list(context, "..", 2, parent ? parent->inode->number : file->inode->number,
			  MODE_DIRECTORY >> 12, AT_NAMES))
			return 0;
		file->position = AT_NAMES;
	}
	return list_host(file, list, context);
}

static int64_t seek_list(struct file *file, int64_t offset, int whence)
{
	if (whence == 1 && !offset)
		return (int64_t)file->position;
	if (whence != 0 || offset < 0)
		return -EINVAL;
	file->position = (uint64_t)offset;
	return offset;
}

static int status_of(struct file *file, struct file_status *status)
{
	return inode_get_status(file->inode, status);
}

static int sync_directory(struct file *file, bool data_only)
{
	struct host_node *node = host_node_of(file->inode);
	int error = host_open_directory(node);

	return error ? error : (int)host_sync(node->directory, data_only);
}

static const struct file_functions directory_functions = {
	.list = list_names,
	.seek = seek_list,
	.status = status_of,
	.sync = sync_directory,
};

static int open_node(struct inode *inode, struct file *file)
{
	struct host_node *node = host_node_of(inode);

	if (inode_is(inode, MODE_DIRECTORY)) {
		file->functions = &directory_functions;
		return host_open_directory(node);
	}
	/* A fifo is one among those in the guest; the host's file is its name. */
	if (inode_is(inode, MODE_FIFO))
		return fifo_open(&node->pipe, file);
	return inode_is(inode, MODE_REGULAR) ? host_file_open(node, file) : -ENXIO;
}

static const struct inode_functions functions = {
	.type = "postern",
	.magic = MAGIC,
	.refresh = refresh,
	.open = open_node,
	.read_link = read_link,
	.change_mode = change_mode,
	.change_owner = change_owner,
	.change_times = change_times,
	.free = free_node,
	.look_up = look_up,
	.make = make,
	.symlink = make_symlink,
	.link = make_link,
	.remove = remove_name,
	.rename = rename_name,
};

/* ---- mounts ---- */

uint32_t host_mounts(void)
{
	struct postern_abi_info info = POSTERN_INIT(abi_info);

	return postern_abi_query(POSTERN_SECTION_FILE, &info)
		       ? 0
		       : (uint32_t)info.limits[POSTERN_FILE_LIMIT_MOUNTS];
}

static struct host_volume *create_volume(uint32_t number, bool is_read_only)
{
	struct host_volume *volume = malloc(sizeof *volume);

	if (volume)
		*volume = (struct host_volume){ FIRST_DEVICE * (number + 1), is_read_only };
	return volume;
}

/* With the handle of the root: it becomes the node's, if there is one. */
static struct host_node *create_root(uint32_t number, postern_handle_t handle, bool is_read_only)
{
	struct host_volume *volume = create_volume(number, is_read_only);
	struct postern_file_info info;
	struct host_node *node = NULL;

	if (volume && host_info(handle, &info) == 0)
		node = create_node(volume, &info);
	if (!node) {
		free(volume);
		return NULL;
	}
	node->directory = handle;
	return node;
}

int host_mount(uint32_t number, struct inode **root, const char **path, bool *is_read_only)
{
	struct postern_file_mount *mount = malloc(sizeof *mount);
	struct host_node *node;
	int64_t handle;

	if (!mount)
		return -ENOMEM;
	*mount = POSTERN_INIT(file_mount);
	handle = postern_file_root(number, mount);
	if (handle < 0) {
		free(mount);
		return (int)handle;
	}
	*is_read_only = mount->flags & POSTERN_FILE_MOUNT_FLAGS_READ_ONLY;
	*path = (const char *)mount->name; /* stays */
	node = create_root(number, (postern_handle_t)handle, *is_read_only);
	if (!node)
		return -EIO;
	*root = &node->inode;
	return 0;
}
