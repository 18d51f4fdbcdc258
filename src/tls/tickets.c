/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/inside.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "os/random.h"
#include "tls/tickets.h"

struct tls_tickets {
	pthread_mutex_t lock;
	struct tls_ticket_key keys[2]; /* the first one makes tickets */
	bool has_earlier;
	EVP_CIPHER *cipher;
};

enum { TICKET_NONE = 0, TICKET_TAKEN = 1, TICKET_TO_RENEW = 2, TICKET_ERROR = -1 };

struct tls_tickets *tls_tickets_new(void)
{
	struct tls_tickets *t = calloc(1, sizeof *t);
	if (t == NULL || (t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL)) == NULL)
		abort();
	pthread_mutex_init(&t->lock, NULL);
	random_bytes(&t->keys[0], sizeof t->keys[0]);
	return t;
}

void tls_tickets_set(struct tls_tickets *t, const struct tls_ticket_key *current, const struct tls_ticket_key *earlier)
{
	pthread_mutex_lock(&t->lock);
	wipe(t->keys, sizeof t->keys);
	t->keys[0] = *current;
	t->has_earlier = earlier != NULL;
	if (earlier != NULL)
		t->keys[1] = *earlier;
	pthread_mutex_unlock(&t->lock);
}

static int find(const struct tls_tickets *t, const unsigned char *name)
{
	for (int i = 0; i < (t->has_earlier ? 2 : 1); i++)
		if (memcmp(t->keys[i].name, name, TLS_TICKET_NAME) == 0)
			return i;
	return -1;
}

static bool use_mac(EVP_MAC_CTX *mac, struct tls_ticket_key *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM parameters[] = { OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof digest - 1), OSSL_PARAM_END };
	return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

static int make(struct tls_tickets *t, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *c, EVP_MAC_CTX *mac)
{
	struct tls_ticket_key *key = &t->keys[0];
	random_bytes(iv, (size_t)EVP_CIPHER_get_iv_length(t->cipher));
	memcpy(name, key->name, sizeof key->name);
	return EVP_EncryptInit_ex2(c, t->cipher, key->cipher, iv, NULL) == 1 && use_mac(mac, key) ? TICKET_TAKEN
												  : TICKET_ERROR;
}

static int take(
	struct tls_tickets *t, const unsigned char *name, const unsigned char *iv, EVP_CIPHER_CTX *c, EVP_MAC_CTX *mac)
{
	int at = find(t, name);
	if (at < 0)
		return TICKET_NONE;
	struct tls_ticket_key *key = &t->keys[at];
	if (EVP_DecryptInit_ex2(c, t->cipher, key->cipher, iv, NULL) != 1 || !use_mac(mac, key))
		return TICKET_ERROR;
	return at == 0 ? TICKET_TAKEN : TICKET_TO_RENEW;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *c, EVP_MAC_CTX *mac, int makes)
{
	struct tls_tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	pthread_mutex_lock(&t->lock);
	int result = makes != 0 ? make(t, name, iv, c, mac) : take(t, name, iv, c, mac);
	pthread_mutex_unlock(&t->lock);
	/* RFC 8446 C.4: a client uses a ticket once, so it gets another one each time. */
	return result == TICKET_TAKEN && makes == 0 && SSL_version(ssl) == TLS1_3_VERSION ? TICKET_TO_RENEW : result;
}

bool tickets_use(SSL_CTX *c, struct tls_tickets *t)
{
	SSL_CTX_set_app_data(c, t);
	return SSL_CTX_set_tlsext_ticket_key_evp_cb(c, on_ticket) == 1;
}
