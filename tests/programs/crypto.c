/* SPDX-License-Identifier: ISC */
/* crypto.c - OpenSSL: crypto FILE OUTPUT digests, encrypts, derives, signs and verifies, there and back. */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char content[1 << 21], sealed[(1 << 21) + 64], opened[(1 << 21) + 64];
static int size;

static void must(int condition, const char *what)
{
	if (condition)
		return;
	printf("%s failed\n", what);
	ERR_print_errors_fp(stdout);
	exit(1);
}

static void print_bytes(const char *name, const unsigned char *bytes, size_t count)
{
	printf("%s ", name);
	for (size_t i = 0; i < count; i++)
		printf("%02x", bytes[i]);
	putchar('\n');
}

static void digest(const char *name)
{
	unsigned char value[EVP_MAX_MD_SIZE];
	unsigned length = 0;
	const EVP_MD *method = EVP_get_digestbyname(name);

	must(method && EVP_Digest(content, (size_t)size, value, &length, method, NULL), name);
	print_bytes(name, value, length);
}

static void encrypt(const char *name, const char *to)
{
	const EVP_CIPHER *cipher = EVP_get_cipherbyname(name);
	unsigned char key[64];
	unsigned char start[16] = "0123456789abcde";
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	unsigned char value[32];
	int length = 0;
	int end = 0;
	FILE *file;

	for (int i = 0; i < 64; i++)
		key[i] = (unsigned char)(i * 7);
	must(cipher && EVP_EncryptInit_ex(context, cipher, NULL, key, start), name);
	must(EVP_EncryptUpdate(context, sealed, &length, content, size), name);
	must(EVP_EncryptFinal_ex(context, sealed + length, &end), name);
	length += end;
	EVP_Digest(sealed, (size_t)length, value, NULL, EVP_sha256(), NULL);
	print_bytes(name, value, 32);
	if (to) {
		file = fopen(to, "wb");
		must(file && fwrite(sealed, 1, (size_t)length, file) == (size_t)length && !fclose(file), to);
	}
	EVP_CIPHER_CTX_reset(context);
	must(EVP_DecryptInit_ex(context, cipher, NULL, key, start), name);
	must(EVP_DecryptUpdate(context, opened, &end, sealed, length), name);
	must(EVP_DecryptFinal_ex(context, opened + end, &length), name);
	must(end + length == size && !memcmp(opened, content, (size_t)size), "decryption");
	EVP_CIPHER_CTX_free(context);
}

static void derive(void)
{
	unsigned char value[32];

	must(PKCS5_PBKDF2_HMAC("password", -1, (const unsigned char *)"salt", 4, 5000, EVP_sha256(), 32,
			       value),
	     "PBKDF2");
	print_bytes("pbkdf2", value, 32);
	must(EVP_PBE_scrypt("password", 8, (const unsigned char *)"salt", 4, 1024, 8, 1, 1 << 26, value, 32),
	     "scrypt");
	print_bytes("scrypt", value, 32);
}

/* With keys that are new each time: only that it works is told. */
static void sign(const char *name, EVP_PKEY *key, const EVP_MD *method)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char signature[1024];
	size_t length = sizeof signature;

	must(key && EVP_DigestSignInit(context, NULL, method, NULL, key), name);
	must(EVP_DigestSign(context, signature, &length, content, 10000), name);
	EVP_MD_CTX_reset(context);
	must(EVP_DigestVerifyInit(context, NULL, method, NULL, key), name);
	must(EVP_DigestVerify(context, signature, length, content, 10000) == 1, name);
	content[77] ^= 1;
	EVP_MD_CTX_reset(context);
	must(EVP_DigestVerifyInit(context, NULL, method, NULL, key), name);
	must(EVP_DigestVerify(context, signature, length, content, 10000) != 1, name);
	content[77] ^= 1;
	printf("%s signs and verifies\n", name);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
}

static void numbers(void)
{
	BN_CTX *context = BN_CTX_new();
	BIGNUM *base = NULL;
	BIGNUM *modulus = BN_new();
	BIGNUM *result = BN_new();
	char *text;

	BN_dec2bn(&base, "123456789012345678901234567890");
	BN_one(modulus);
	BN_lshift(modulus, modulus, 521);
	BN_sub_word(modulus, 1);
	must(BN_check_prime(modulus, context, NULL) == 1, "a prime");
	must(BN_mod_exp(result, base, base, modulus, context), "power");
	text = BN_bn2hex(result);
	printf("power %s\n", text);
	OPENSSL_free(text);
	BN_free(base);
	BN_free(modulus);
	BN_free(result);
	BN_CTX_free(context);
}

int main(int count, char **arguments)
{
	unsigned char random[64] = "";
	FILE *file = count > 2 ? fopen(arguments[1], "rb") : NULL;

	must(file != NULL, "the file");
	size = (int)fread(content, 1, sizeof content, file);
	fclose(file);
	for (const char *const *name = (const char *const[]){ "md5", "sha1", "sha256", "sha512", "sha3-256",
							      "blake2b512", NULL };
	     *name; name++)
		digest(*name);
	encrypt("aes-256-cbc", arguments[2]);
	encrypt("aes-128-ctr", NULL);
	encrypt("aes-256-xts", NULL);
	encrypt("chacha20", NULL);
	encrypt("camellia-256-cbc", NULL);
	derive();
	must(RAND_bytes(random, 64) == 1 && memcmp(random, random + 32, 32) != 0, "random numbers");
	sign("rsa", EVP_RSA_gen(1024), EVP_sha256());
	sign("ecdsa", EVP_EC_gen("P-256"), EVP_sha256());
	sign("ed25519", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL);
	numbers();
	return 0;
}
