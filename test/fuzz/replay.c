/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over its kept corpus, one file after the other: what a fuzzer once found stays found. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static int replay(const char *folder, const char *name)
{
	static uint8_t bytes[1 << 20];
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "rb");
	if (f == NULL) {
		perror(path);
		return 1;
	}
	size_t n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	/* A copy of exactly that size, so that the sanitizer sees a step past its end. */
	uint8_t *exact = malloc(n > 0 ? n : 1);
	if (exact == NULL)
		return 1;
	for (size_t i = 0; i < n; i++)
		exact[i] = bytes[i];
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	int failures = 0, files = 0;
	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);
		if (folder == NULL) {
			perror(argv[i]);
			return 1;
		}
		for (struct dirent *entry; (entry = readdir(folder)) != NULL; files++)
			if (entry->d_name[0] != '.')
				failures += replay(argv[i], entry->d_name);
		closedir(folder);
	}
	printf("%d files replayed, %d could not be read\n", files, failures);
	return failures > 0 || files == 0;
}
