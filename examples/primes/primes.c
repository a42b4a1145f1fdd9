/* Prints the number of primes below its argument (1,000,000 if none), by the sieve of Eratosthenes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long count(unsigned char *sieve, long limit) {
    long primes = 0;
    memset(sieve, 1, (size_t)limit);
    for (long i = 2; i < limit; i++) {
        if (!sieve[i]) continue;
        primes++;
        for (long long j = (long long)i * i; j < limit; j += i) sieve[j] = 0;
    }
    return primes;
}

int main(int argc, char **argv) {
    long limit = 1000000;
    if (argc > 1) {
        char *end;
        errno = 0;
        limit = strtol(argv[1], &end, 10);
        if (errno || *end || limit < 2 || limit > 100000000) {
            fprintf(stderr, "primes: %s is no number from 2 to 100000000\n", argv[1]);
            return 2;
        }
    }
    unsigned char *sieve = malloc((size_t)limit);
    if (!sieve) {
        fprintf(stderr, "primes: no memory for %ld numbers\n", limit);
        return 1;
    }
    printf("%ld primes below %ld\n", count(sieve, limit), limit);
    free(sieve);
    return 0;
}
