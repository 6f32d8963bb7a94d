/*
 * The workload of the lab: healthy or failing in the ways that tests need, in one static program.
 *
 *   app serve PORT                answers every request with 200 "ok"
 *   app answer PORT CODE [SECONDS] answers every request with CODE (with 200 before, for SECONDS); 401 asks for a password
 *   app crash CODE [SECONDS]      says what a broken service says, exits CODE (after SECONDS)
 *   app flaky N FILE [PORT]       exits 1 the first N times, counting in FILE (on an emptyDir), then serves (8080)
 *   app eat MIB [SECONDS]         touches MIB of memory (after SECONDS), then sleeps: for the OOM killer
 *   app leak MIB                  touches MIB more of memory each second
 *   app wait FILE                 exits 0 if FILE exists, else 1: for exec probes
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void stop(int sig) { (void)sig; _exit(0); }

static void line(FILE *to, const char *level, const char *text) {
	char at[32];
	time_t now = time(0);
	strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	fprintf(to, "%s %s %s\n", at, level, text);
	fflush(to);
}

/* A registry's client puts the phrase into its error, so it has to be the usual one. */
static const char *phrase(int code) {
	switch (code) {
	case 200: return "OK";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 429: return "Too Many Requests";
	case 500: return "Internal Server Error";
	case 503: return "Service Unavailable";
	default: return "Unknown";
	}
}

static int serve(int port, int code, unsigned after) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64)) {
		line(stderr, "FATAL:", strerror(errno));
		return 1;
	}
	time_t start = time(0);
	char text[64];
	snprintf(text, sizeof text, "listening on port %d", port);
	line(stdout, "INFO", text);
	for (;;) {
		int client = accept(listener, 0, 0);
		if (client < 0)
			continue;
		struct timeval limit = {.tv_sec = 2};
		char request[4096];
		setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		int now = time(0) - start < (time_t)after ? 200 : code;
		char answer[256];
		int length = snprintf(answer, sizeof answer,
			"HTTP/1.1 %d %s\r\n%sContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n%s",
			now, phrase(now), now == 401 ? "WWW-Authenticate: Basic realm=\"lab\"\r\n" : "",
			now == 200 ? "ok" : "no");
		if (read(client, request, sizeof request) > 0 && write(client, answer, (size_t)length) < 0)
			line(stderr, "WARN", strerror(errno));
		close(client);
	}
}

static int crash(int code) {
	line(stderr, "INFO", "connecting to database");
	line(stderr, "ERROR", "no database address");
	line(stderr, "FATAL:", "config key DB_URL missing");
	return code;
}

static int count(const char *path) {
	int seen = 0;
	FILE *file = fopen(path, "r");
	if (file) {
		if (fscanf(file, "%d", &seen) != 1)
			seen = 0;
		fclose(file);
	}
	file = fopen(path, "w");
	if (!file)
		return -1;
	fprintf(file, "%d\n", seen + 1);
	return fclose(file) ? -1 : seen;
}

static void fill(size_t mib) {
	line(stdout, "INFO", "filling the cache");
	for (size_t i = 0; i < mib; i++) {
		char *block = malloc(1 << 20);
		if (!block)
			break;
		memset(block, (int)i | 1, 1 << 20);
	}
}

int main(int argc, char **argv) {
	const char *mode = argc > 1 ? argv[1] : "";
	/* As the first process of its container it would otherwise ignore these. */
	signal(SIGTERM, stop);
	signal(SIGINT, stop);
	signal(SIGPIPE, SIG_IGN);

	if (!strcmp(mode, "serve") && argc == 3)
		return serve(atoi(argv[2]), 200, 0);
	if (!strcmp(mode, "answer") && (argc == 4 || argc == 5))
		return serve(atoi(argv[2]), atoi(argv[3]), argc == 5 ? (unsigned)atoi(argv[4]) : 0);
	if (!strcmp(mode, "crash") && (argc == 3 || argc == 4)) {
		if (argc == 4)
			sleep((unsigned)atoi(argv[3]));
		return crash(atoi(argv[2]));
	}
	if (!strcmp(mode, "flaky") && (argc == 4 || argc == 5)) {
		int seen = count(argv[3]);
		if (seen < 0 || seen < atoi(argv[2]))
			return crash(1);
		return serve(argc == 5 ? atoi(argv[4]) : 8080, 200, 0);
	}
	if (!strcmp(mode, "eat") && (argc == 3 || argc == 4)) {
		if (argc == 4)
			sleep((unsigned)atoi(argv[3]));
		fill((size_t)atoi(argv[2]));
		pause();
		return 0;
	}
	if (!strcmp(mode, "leak") && argc == 3)
		for (;; sleep(1))
			fill((size_t)atoi(argv[2]));
	if (!strcmp(mode, "wait") && argc == 3)
		return access(argv[2], F_OK) ? 1 : 0;
	fprintf(stderr, "usage: app serve PORT | answer PORT CODE [SECONDS] | crash CODE [SECONDS] | flaky N FILE [PORT] | "
			"eat MIB [SECONDS] | leak MIB | wait FILE\n");
	return 2;
}
