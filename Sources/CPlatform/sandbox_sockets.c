#define _GNU_SOURCE
#include "sandbox_parts.h"
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What waits in the buffers of a sandbox's sockets: memory of the kernel that counts for no process, and megabytes for
 * each socket. Where no control group counts it, the sockets of the sandbox's network namespace are looked at, one by
 * one: see sock_diag(7). */

enum { FEW_SOCKETS = 4, MOST_MESSAGES_OF_ONE_QUEUE = 11 /* net.unix.max_dgram_qlen and one */ };

int cplatform_open_socket_list(void) { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG); }

/* A number of /proc/net/sockstat, as in "TCP: inuse 5 orphan 0"; -1 when there is none. */
static long number_after(const char *text, const char *key) {
    const char *at = strstr(text, key);
    long value = 0;
    if (at == NULL) return -1;
    for (at += strlen(key); *at >= '0' && *at <= '9'; at++) value = value * 10 + *at - '0';
    return value;
}

/* Bytes by sender and by receiver. Those of a Unix socket count for their sender as long as it is there, and are in its
 * receiver's queue all the time. */
struct waiting { uint64_t sent, received; };

static void add_memory(struct waiting *waiting, const struct rtattr *attribute, int is_unix) {
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    size_t length = RTA_PAYLOAD(attribute);
    memcpy(memory, RTA_DATA(attribute), length < sizeof memory ? length : sizeof memory);
    uint32_t queued = memory[SK_MEMINFO_WMEM_QUEUED], sent = memory[SK_MEMINFO_WMEM_ALLOC];
    waiting->sent += queued > sent ? queued : sent;
    waiting->received += is_unix ? 0 : memory[SK_MEMINFO_RMEM_ALLOC];
}

static void add_message(struct waiting *waiting, const struct nlmsghdr *header, int is_unix) {
    size_t size = is_unix ? sizeof(struct unix_diag_msg) : sizeof(struct inet_diag_msg);
    if (header->nlmsg_len < NLMSG_LENGTH(size)) return;
    const struct unix_diag_msg *about = NLMSG_DATA(header);
    int left = (int)(header->nlmsg_len - NLMSG_LENGTH(size));
    const struct rtattr *attribute = (const void *)((const char *)about + NLMSG_ALIGN(size));
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
        if (attribute->rta_type == (is_unix ? (int)UNIX_DIAG_MEMINFO : (int)INET_DIAG_SKMEMINFO))
            add_memory(waiting, attribute, is_unix);
        if (!is_unix || attribute->rta_type != UNIX_DIAG_RQLEN) continue;
        struct unix_diag_rqlen queue;
        if (RTA_PAYLOAD(attribute) < sizeof queue) continue;
        memcpy(&queue, RTA_DATA(attribute), sizeof queue);
        /* Of datagrams the kernel tells the first one's length only; and of a listener how many wait. */
        waiting->received += (uint64_t)queue.udiag_rqueue
            * (about->udiag_type == SOCK_DGRAM ? MOST_MESSAGES_OF_ONE_QUEUE : 1);
    }
}

/* Asks for all sockets of a kind and adds what they hold; what is not answered is left out. */
static void add_sockets(int list, const void *request, struct waiting *waiting, int is_unix) {
    static char buffer[32768] __attribute__((aligned(8)));
    ssize_t length = ((const struct nlmsghdr *)request)->nlmsg_len;
    if (send(list, request, (size_t)length, MSG_DONTWAIT) != length) return;
    while ((length = recv(list, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
        const struct nlmsghdr *header = (const void *)buffer;
        for (int left = (int)length; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) return;
            add_message(waiting, header, is_unix);
        }
    }
}

static void add_unix(int list, struct waiting *waiting) {
    struct { struct nlmsghdr header; struct unix_diag_req request; } ask = {
        .header = {.nlmsg_len = sizeof ask, .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = AF_UNIX, .udiag_states = ~0u,
                    .udiag_show = UDIAG_SHOW_MEMINFO | UDIAG_SHOW_RQLEN}};
    add_sockets(list, &ask, waiting, 1);
}

static void add_internet(int list, struct waiting *waiting, uint8_t family, uint8_t protocol) {
    struct { struct nlmsghdr header; struct inet_diag_req_v2 request; } ask = {
        .header = {.nlmsg_len = sizeof ask, .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = family, .sdiag_protocol = protocol, .idiag_states = ~0u,
                    .idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1)}};
    add_sockets(list, &ask, waiting, 0);
}

uint64_t cplatform_socket_kibibytes(const struct cplatform_box *box) {
    char text[1024], newer[512];
    if (box->sockets < 0 || box->proc < 0) return 0;
    if (cplatform_read_text(box->proc, "self/net/sockstat", text, sizeof text) <= 0) return 0;
    if (number_after(text, "sockets: used ") <= FEW_SOCKETS) return 0;
    if (cplatform_read_text(box->proc, "self/net/sockstat6", newer, sizeof newer) <= 0) *newer = 0;
    struct waiting local = {0, 0}, internet = {0, 0};
    add_unix(box->sockets, &local);
    const struct { const char *text, *key; uint8_t family, protocol; } kinds[] = {
        {text, "TCP: inuse ", AF_INET, IPPROTO_TCP}, {newer, "TCP6: inuse ", AF_INET6, IPPROTO_TCP},
        {text, "UDP: inuse ", AF_INET, IPPROTO_UDP}, {newer, "UDP6: inuse ", AF_INET6, IPPROTO_UDP}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (number_after(kinds[i].text, kinds[i].key) > FEW_SOCKETS)
            add_internet(box->sockets, &internet, kinds[i].family, kinds[i].protocol);
    uint64_t local_bytes = local.sent > local.received ? local.sent : local.received;
    return (local_bytes + internet.sent + internet.received) / 1024;
}
