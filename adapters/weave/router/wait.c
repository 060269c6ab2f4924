/*
 * Holds a container's process back until its interface `ethwe` is up, and then becomes that process.
 *
 * It runs in any image, so it has no C library, no shell and nothing to look up. It execs, so signals and the exit status are
 * the process's own. WAIT_FOR_SECONDS says how long (30), WAIT_FOR_WEAVE_SKIP=yes goes on at once, WAIT_FOR_WEAVE_QUIT=yes
 * ends at once, as they did for Weave's own.
 *
 * scripts/wait-program.ts makes wait-program.ts of this.
 */

typedef unsigned long word;

#if defined(__x86_64__)
enum { SYS_write = 1, SYS_ioctl = 16, SYS_nanosleep = 35, SYS_socket = 41, SYS_execve = 59, SYS_exit = 60 };
static long call3(long number, word a, word b, word c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}
__asm__(".globl _start\n_start:\n mov %rsp,%rdi\n and $-16,%rsp\n call begin\n");
#elif defined(__aarch64__)
enum { SYS_ioctl = 29, SYS_write = 64, SYS_exit = 93, SYS_nanosleep = 101, SYS_socket = 198, SYS_execve = 221 };
static long call3(long number, word a, word b, word c) {
  register word x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return (long)x0;
}
__asm__(".globl _start\n_start:\n mov x0,sp\n bl begin\n");
#endif

enum { AF_INET = 2, SOCK_DGRAM_CLOEXEC = 02000002, SIOCGIFFLAGS = 0x8913, IFF_UP = 1, EACCES = 13 };
enum { PAUSE_MS = 10, LONGEST_PATH = 4096 };

static const char INTERFACE[] = "ethwe";

static void leave(int status) {
  for (;;) call3(SYS_exit, status, 0, 0);
}

static word length(const char *text) {
  word n = 0;
  while (text[n]) n++;
  return n;
}

static void say(const char *text) { call3(SYS_write, 2, (word)text, length(text)); }

static void sayNumber(unsigned number) {
  char digits[12];
  int at = 11;
  digits[at] = 0;
  do digits[--at] = '0' + number % 10;
  while (number /= 10);
  say(digits + at);
}

static int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

/* The value of a variable, or 0. */
static const char *variable(char **env, const char *name) {
  for (; *env; env++) {
    const char *a = *env, *b = name;
    while (*b && *a == *b) a++, b++;
    if (!*b && *a == '=') return a + 1;
  }
  return 0;
}

static int isYes(const char *value) { return value && same(value, "yes"); }

static int isUp(long socket) {
  struct {
    char name[16];
    short flags;
    char rest[30];
  } request;
  for (word i = 0; i < sizeof request; i++) ((volatile char *)&request)[i] = 0;
  for (word i = 0; i < sizeof INTERFACE; i++) ((volatile char *)request.name)[i] = INTERFACE[i];
  return call3(SYS_ioctl, socket, SIOCGIFFLAGS, (word)&request) == 0 && (request.flags & IFF_UP);
}

static void wait(unsigned seconds) {
  long socket = call3(SYS_socket, AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  long pause[2] = {0, PAUSE_MS * 1000000L};
  for (word rounds = (word)seconds * (1000 / PAUSE_MS);; rounds--) {
    if (isUp(socket)) return;
    if (rounds == 0) break;
    call3(SYS_nanosleep, (word)pause, 0, 0);
  }
  say("interface ");
  say(INTERFACE);
  say(" not found after ");
  sayNumber(seconds);
  say(" seconds\n");
  leave(1);
}

static unsigned secondsIn(const char *text) {
  unsigned seconds = 0;
  if (!text || !*text) return 30;
  for (; *text; text++) {
    if (*text < '0' || *text > '9' || seconds > 1000000) return 30;
    seconds = seconds * 10 + (*text - '0');
  }
  return seconds;
}

/* Only returns if it failed; gives the error. */
static long become(char **argv, char **env, const char *path) {
  char file[LONGEST_PATH];
  const char *name = argv[0];
  long worst = 0;
  for (const char *c = name; *c; c++)
    if (*c == '/') return call3(SYS_execve, (word)name, (word)argv, (word)env);
  for (;;) {
    word at = 0;
    for (; *path && *path != ':'; path++)
      if (at < LONGEST_PATH - 1) file[at++] = *path;
    if (at == 0) file[at++] = '.';
    if (at + length(name) + 2 <= LONGEST_PATH) {
      file[at++] = '/';
      for (const char *c = name; *c; c++) file[at++] = *c;
      file[at] = 0;
      long failed = call3(SYS_execve, (word)file, (word)argv, (word)env);
      if (failed == -EACCES) worst = failed;
    }
    if (!*path++) return worst;
  }
}

__attribute__((used)) void begin(word *stack) {
  char **argv = (char **)(stack + 1);
  char **env = argv + stack[0] + 1;
  if (isYes(variable(env, "WAIT_FOR_WEAVE_QUIT"))) leave(0);
  if (!isYes(variable(env, "WAIT_FOR_WEAVE_SKIP"))) wait(secondsIn(variable(env, "WAIT_FOR_SECONDS")));
  if (stack[0] < 2) {
    say("there is nothing to run\n");
    leave(127);
  }
  const char *path = variable(env, "PATH");
  long failed = become(argv + 1, env, path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  say(argv[1]);
  say(failed == -EACCES ? ": permission denied\n" : ": cannot be found or run\n");
  leave(failed == -EACCES ? 126 : 127);
}
