# Nave. Lines that begin with #? are what `make help` prints.
#
#? make                 libraries and apps, into build/ (O=DIR: elsewhere)
#? make client          what needs no MPI (a laptop): nave and libnave-client; also: install-client
#? make demo            install what is missing, build, count ten million digits of pi on every core
#? make check           all tests (TESTS="sched fr*": these; after `make tests`, test/run PATTERN... is quicker)
#? make bench           all benches (BENCH="farm": these)
#? make lint format     clang-format, clang-tidy, cppcheck; let clang-format write
#? make check-headers   every header compiles alone
#? make install         to $(DESTDIR)$(prefix); also: uninstall
#? make deps            install what build, tests and lint need
#? make dist            $(O)/nave-VERSION.tar.gz
#? make clean distclean
#?
#? CC= CFLAGS= LDFLAGS= MPICC= prefix= FLINT_CFLAGS= FLINT_LIBS= ...  as usual; keep them in config.mak
#? SANITIZE=address,undefined   WERROR=1   V=1 (whole commands)
#
# Everything goes to $(O); the source tree is only read. Sources are found by wildcard: a new lib/x.c, test/x.c,
# bench/x.c or apps/x/ needs no line here.

S := $(filter-out ./,$(dir $(lastword $(MAKEFILE_LIST))))
O ?= build
comma := ,

# configure writes config.mak.autogen; config.mak is yours.
CONFIG ?= $O
-include $(S)config.mak.autogen $(CONFIG)/config.mak.autogen
-include $(S)config.mak $(CONFIG)/config.mak

# --- settings -------------------------------------------------------------------------------------------------

CFLAGS  ?= -O2 -g
CXX     ?= c++
INSTALL ?= install

prefix     ?= /usr/local
bindir     ?= $(prefix)/bin
libdir     ?= $(prefix)/lib
includedir ?= $(prefix)/include
mandir     ?= $(prefix)/share/man
docdir     ?= $(prefix)/share/doc/nave

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
            -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wno-format-nonliteral

VERSION   := $(shell sed -n 's/^.define NAVE_VERSION "\(.*\)"/\1/p' $(S)include/nave_kernel.h)
SOVERSION := $(firstword $(subst ., ,$(VERSION)))

# --- what the machine has -------------------------------------------------------------------------------------

# Asked once, by .ci/probe; asked again when one of these settings changes. What the user sets wins.
settings := CC CPPFLAGS LDFLAGS MPICC PKG_CONFIG PKG_CONFIG_PATH \
            $(foreach lib,MPI HWLOC GSL SQLITE XXHASH CJSON ZMQ PNG CURSES READLINE CRYPTO FLINT CMOCKA,$(lib)_CFLAGS $(lib)_LIBS)
given := $(foreach v,$(settings),$(if $(filter-out undefined default,$(origin $v)),$v='$($v)'))

no_probe := help deps demo check dist clean distclean format uninstall
goals    := $(filter-out $(no_probe),$(or $(MAKECMDGOALS),all))
only     := $(if $(filter-out client install-client,$(goals)),,client)
ifneq ($(goals),)
-include $(O)/probe.mak
endif

# --- flags ----------------------------------------------------------------------------------------------------

ifdef SANITIZE
sanitize := -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
ifdef WERROR
WARNINGS += -Werror
endif

ifneq ($(filter x86_64-% amd64-%,$(MACHINE)),)
AVX2   := -mavx2 -mfma
AVX512 := -mavx512f -mavx512bw -mavx512vl -mavx512dq $(AVX2)
endif

# Warnings are for our own headers only, hence -isystem.
DEPS_CFLAGS = $(patsubst -I%,-isystem%,$(MPI_CFLAGS) $(HWLOC_CFLAGS) $(GSL_CFLAGS) $(SQLITE_CFLAGS) $(XXHASH_CFLAGS) \
              $(CJSON_CFLAGS) $(ZMQ_CFLAGS) $(PNG_CFLAGS) $(filter-out -D%,$(CURSES_CFLAGS) $(READLINE_CFLAGS)) $(CRYPTO_CFLAGS) \
              $(FLINT_CFLAGS))
ALL_CFLAGS  = -std=c11 -D_POSIX_C_SOURCE=200809L -fPIC -fvisibility=hidden -pthread $(WARNINGS) \
              -I$(S)include $(DEPS_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(sanitize)
ALL_LDFLAGS = -pthread $(CFLAGS) $(sanitize) $(LDFLAGS)
CLIENT_LIBS = $(CJSON_LIBS) $(ZMQ_LIBS) -lm
NAVE_LIBS   = $(SQLITE_LIBS) $(PNG_LIBS) $(CURSES_LIBS) $(READLINE_LIBS) $(CLIENT_LIBS)
LIB_LIBS    = $(HWLOC_LIBS) $(GSL_LIBS) $(SQLITE_LIBS) $(XXHASH_LIBS) $(MPI_LIBS) $(RT_LIBS) $(DL_LIBS) $(CLIENT_LIBS)
ALL_LIBS    = -Wl,--as-needed $(LIB_LIBS) $(PNG_LIBS) $(CURSES_LIBS) $(READLINE_LIBS) $(CRYPTO_LIBS) $(FLINT_LIBS)

# Only "quoted" includes may find a layer's own headers: lib/sched.h must never stand in for <sched.h>.
$(O)/obj/lib/%   $(O)/lint/lib/%:   own = -iquote $(S)lib -iquote $(S)lib/client
$(O)/obj/apps/%  $(O)/lint/apps/%:  own = -iquote $(S)apps/common
$(O)/obj/apps/nave/% $(O)/lint/apps/nave/%: own += -iquote $(S)lib/client
$(O)/obj/bench/% $(O)/lint/bench/%: own = -iquote $(S)apps -iquote $(S)apps/common
$(O)/obj/test/%  $(O)/lint/test/%:  own = -iquote $(S)lib -iquote $(S)lib/client -iquote $(S)apps -iquote $(S)apps/common $(CMOCKA_CFLAGS)
$(foreach x,simulate guard journal,$(O)/obj/bench/$x.o $(O)/lint/bench/$x.tidy): own += -iquote $(S)lib -iquote $(S)lib/client
# The compiler for kernels that come from outside; what they are compiled with is in the library.
$(O)/obj/lib/compile.o $(O)/lint/lib/compile.tidy: own += -iquote $(O)/gen -DNV_CC='"$(CC)"'
$(O)/obj/lib/compile.o $(O)/lint/lib/compile.tidy: $(O)/gen/plugin_text.h
%_avx2.o   %_avx2.tidy:   isa = $(AVX2)
%_avx512.o %_avx512.tidy: isa = $(AVX512)

# --- files ----------------------------------------------------------------------------------------------------

objects = $(patsubst $(S)%.c,$(O)/obj/%.o,$(wildcard $(S)$1/*.c))
names   = $(basename $(notdir $(wildcard $(S)$1/*.c)))

apps := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard $(S)apps/*/*.c)))))

libraries := $(foreach name,nave nave-client,$(O)/lib/lib$(name).a $(O)/lib/lib$(name).so)
lib_objects = $(call objects,lib) $(call objects,lib/client)
programs  := $(patsubst %,$(O)/bin/%,$(filter-out common,$(apps)))
benches   := $(patsubst %,$(O)/bench/%,$(call names,bench))
tests     := $(patsubst %,$(O)/test/%,$(filter-out fuzz_%,$(call names,test)))
fuzzers   := $(patsubst %,$(O)/test/%,$(filter fuzz_%,$(call names,test)))
app_parts := $(patsubst %,$(O)/obj/apps/%.a,$(filter-out common,$(apps)) $(filter common,$(apps)))
common    := $(filter %/common.a,$(app_parts))

headers   := $(wildcard $(S)include/*.h $(S)lib/*.h $(S)lib/client/*.h $(S)apps/*/*.h $(S)test/*.h $(S)bench/*.h)
c_sources := $(wildcard $(S)lib/*.c $(S)lib/client/*.c $(S)apps/*/*.c $(S)test/*.c $(S)bench/*.c)

.PHONY: all client
all: $(libraries) $(programs) $(O)/lib/nave.pc $(O)/lib/nave-client.pc
client: $(filter %/libnave-client.a %/libnave-client.so,$(libraries)) $(O)/bin/nave $(O)/lib/nave-client.pc

# --- rules ----------------------------------------------------------------------------------------------------

.DELETE_ON_ERROR:
.SECONDEXPANSION:
.PHONY: FORCE

quiet = $(if $(V),,@)
say   = $(if $(V),,@printf '  %-7s %s\n' $1 $(variant)$(or $2,$(@:$O/%=%)))
variant = $(if $(filter-out $(CONFIG),$O),$(notdir $O)/)

# $(call settle,TEXT): write a target that remembers TEXT, only when TEXT has changed.
settle = @mkdir -p $(@D) && text='$(subst ','\'',$1)' && \
         { [ "$$text" = "$$(cat $@ 2>/dev/null)" ] || printf '%s\n' "$$text" >$@; }

$(O)/given: FORCE
	$(call settle,$(given))

# For `make client` much may be MISSING, which is looked for again when more is to be built.
$(O)/probe.mak: $(S).ci/probe $(O)/given $(if $(only),,$(MISSING:%=FORCE))
	@$(given) $(S).ci/probe $(only) >$@.new && mv $@.new $@ || { rm -f $@ $@.new; exit 1; }

$(O)/flags: FORCE
	@test -f $(O)/probe.mak
	$(call settle,$(CC) $(ALL_CFLAGS) : $(ALL_LDFLAGS) $(ALL_LIBS) $(CMOCKA_LIBS))

$(O)/obj/%.o: $(S)%.c $(O)/flags
	$(call say,CC,$*.c)
	@mkdir -p $(@D)
	$(quiet)$(CC) $(ALL_CFLAGS) $(own) $(isa) -MMD -MP -c -o $@ $<

# What a plug-in is compiled with, as arrays of bytes.
plugin_texts := include/nave_kernel.h lib/plugin/calls.h lib/plugin/glue.c
$(O)/gen/plugin_text.h: $(addprefix $(S),$(plugin_texts))
	$(call say,GEN)
	@mkdir -p $(@D)
	@for file in $(plugin_texts); do \
	    echo "static const unsigned char $$(basename $$file | tr . _)[] = {"; \
	    od -An -v -tu1 $(S)$$file | sed 's/[0-9][0-9]*/&,/g'; \
	    echo "};"; \
	done >$@

$(O)/lib/libnave.a: $(lib_objects)
$(O)/lib/libnave.so.$(VERSION): $(lib_objects)
$(O)/lib/libnave-client.a: $(call objects,lib/client)
$(O)/lib/libnave-client.so.$(VERSION): $(call objects,lib/client)
$(O)/lib/libnave-client.so.$(VERSION): LIB_LIBS = $(CLIENT_LIBS)

$(O)/lib/%.a:
	$(call say,AR)
	@mkdir -p $(@D) && rm -f $@
	$(quiet)$(AR) rcs $@ $^

$(O)/lib/%.so.$(VERSION):
	$(call say,LINK)
	@mkdir -p $(@D)
	$(quiet)$(CC) -shared -Wl,-soname,$*.so.$(SOVERSION) -o $@ $^ $(ALL_LDFLAGS) -Wl,--as-needed $(LIB_LIBS)

$(O)/lib/%.so: $(O)/lib/%.so.$(VERSION)
	@ln -sf $*.so.$(VERSION) $(O)/lib/$*.so.$(SOVERSION)
	@ln -sf $*.so.$(SOVERSION) $@

# The parts of an app as an archive: the apps share apps/common (last, since the others use it), tests and benches may
# take any part.
$(app_parts): $(O)/obj/%.a: $$(call objects,%)
	@rm -f $@
	$(quiet)$(AR) rcs $@ $^

link = $(CC) -o $@ $(filter %.o %.a,$^) $(ALL_LDFLAGS)

# nave needs no MPI, nor has it any.
$(O)/bin/nave: $(call objects,apps/nave) $(filter-out %/launch.o,$(call objects,apps/common)) \
               $(patsubst %,$(O)/obj/lib/%.o,chronicle database error) $(O)/lib/libnave-client.a
	$(call say,LINK)
	@mkdir -p $(@D)
	$(quiet)$(link) $(NAVE_LIBS)

$(filter-out %/nave,$(programs)): $(O)/bin/%: $$(call objects,apps/%) $(common) $(O)/lib/libnave.a
	$(call say,LINK)
	@mkdir -p $(@D)
	$(quiet)$(link) $(ALL_LIBS)

$(benches): $(O)/bench/%: $(O)/obj/bench/%.o $(app_parts) $(O)/lib/libnave.a
	$(call say,LINK)
	@mkdir -p $(@D)
	$(quiet)$(link) $(ALL_LIBS)

$(tests): $(O)/test/%: $(O)/obj/test/%.o $(app_parts) $(O)/lib/libnave.a
	$(call say,LINK)
	@mkdir -p $(@D)
	$(quiet)$(link) $(ALL_LIBS) $(CMOCKA_LIBS)

$(O)/lib/%.pc: $(S)lib/%.pc.in $(O)/nave.pc.key
	$(call say,GEN)
	@mkdir -p $(@D)
	@sed $(foreach v,$(pc_variables),-e 's|@$v@|$($v)|') $< >$@

# The paths are in the key as they are used: nave.pc must follow a prefix that is given to `make install` only.
pc_variables := prefix libdir includedir VERSION MPI_CFLAGS MPI_LIBS HWLOC_LIBS GSL_LIBS SQLITE_LIBS XXHASH_LIBS \
                CJSON_LIBS ZMQ_LIBS RT_LIBS DL_LIBS RPATH CLIENT_RPATH
CLIENT_RPATH = $(RPATH)
RPATH = $(if $(filter /usr /,$(prefix)),,-Wl$(comma)-rpath$(comma)$(libdir))

$(O)/nave.pc.key: FORCE
	$(call settle,$(foreach v,$(pc_variables),$($v)))

-include $(wildcard $(O)/obj/*/*.d $(O)/obj/*/*/*.d)

# --- demo, tests, benches -------------------------------------------------------------------------------------

.PHONY: deps demo check checks tests benches sanitize fuzz check-headers bench

cores = $(or $(shell nproc 2>/dev/null),1)
jobs  = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(cores))
again = $(MAKE) --no-print-directory $(jobs) -f $(S)Makefile CONFIG='$(CONFIG)'

below = $(patsubst ./%,%,$O/)

export MPIRUN
export NAVE_SRC   := $(abspath $(or $S,.))
export NAVE_BUILD := $(abspath $O)
export NAVE_MAKE  = $(MAKE) -f $(S)Makefile O=$O

deps:
	@$(given) $(S).ci/deps check

demo:
	@$(given) $(S).ci/deps run
	+@$(again) O='$O' all
	@$(S).ci/demo '$O'

check: deps
	+@$(again) O='$O' checks

checks: all tests check-headers sanitize fuzz
	@set -f; $(S)test/run $(TESTS)

tests: $(tests) ; @:
benches: $(benches) ; @:

# Builds of their own with sanitizers; the file `unavailable` tells test/run why one is not there.
can_build = mkdir -p $O/$@ && rm -f $O/$@/unavailable; echo '$3' | \
            $1 -fsanitize=$2 -x c - -o $O/$@/trial 2>/dev/null && rm -f $O/$@/trial || \
            { echo '$1 cannot build with -fsanitize=$2' >$O/$@/unavailable; exit 0; }

ranked = $(shell grep -l 'ranks: *[1-9]' /dev/null $(wildcard $(S)test/*.c))
pure   = $(filter-out $(patsubst $(S)%.c,$(O)/%,$(ranked)),$(tests))
memory = address$(comma)undefined

sanitize:
	+@$(call can_build,$(CC),$(memory),int main(void) { return 0; }); \
	$(again) O=$(below)$@ SANITIZE=$(memory) WERROR= CFLAGS='-O1 -g' $(patsubst $(O)/%,$(below)$@/%,$(pure))

FUZZ_CC ?= clang
fuzz_trial := int LLVMFuzzerTestOneInput(const char *data, unsigned long size) { return !data + !size; }

fuzz:
	+@$(call can_build,$(FUZZ_CC),fuzzer$(comma)$(memory),$(fuzz_trial)); \
	$(again) O=$(below)$@ SANITIZE=fuzzer-no-link$(comma)$(memory) CC='$(FUZZ_CC)' WERROR= CFLAGS='-O1 -g' fuzzers

.PHONY: fuzzers
fuzzers: $(fuzzers) ; @:
$(fuzzers): $(O)/test/%: $(O)/obj/test/%.o $(O)/lib/libnave.a
	$(call say,LINK)
	@mkdir -p $(@D)
	$(quiet)$(link) -fsanitize=fuzzer $(ALL_LIBS)

# Every header compiles alone; the public one as strict C11 and as C++ as well.
check-headers: own = -iquote $(S)lib -iquote $(S)lib/client -iquote $(S)apps -iquote $(S)apps/common $(CMOCKA_CFLAGS)
check-headers:
	@$(S).ci/check-headers '$(CC) -Werror $(ALL_CFLAGS) $(own) -fsyntax-only' '$(CXX)' $(headers)

bench: $(benches)
	@for bench in $(or $(BENCH),$(call names,bench)); do \
	    np=$$(sed -n '1,10s/.*ranks: *\([0-9]*\).*/\1/p' $(S)bench/$$bench.c | head -n 1); \
	    echo "== $$bench$${np:+, $$np ranks}"; \
	    $${np:+$(S)test/mpirun -np $$np} $(O)/bench/$$bench || exit 1; \
	done

# --- style ----------------------------------------------------------------------------------------------------

.PHONY: format lint
format:
	clang-format -i $(headers) $(c_sources)

our_headers = ^($(NAVE_SRC)/|$S)?(include|lib|apps|test|bench)/
tidied := $(patsubst $(S)%.c,$(O)/lint/%.tidy,$(c_sources))

lint: $(tidied)
	$(call say,FORMAT,.)
	$(quiet)clang-format --dry-run -Werror $(headers) $(c_sources)
	$(call say,CPPCHECK,.)
	$(quiet)cppcheck -q -j$(cores) --std=c11 --language=c --error-exitcode=1 --inline-suppr \
	    --enable=warning,performance,portability --suppress=missingIncludeSystem -I$(S)include $(c_sources)

$(tidied): $(O)/lint/%.tidy: $(S)%.c $(S).clang-tidy $(headers) $(O)/flags
	$(call say,TIDY,$*.c)
	@mkdir -p $(@D)
	$(quiet)clang-tidy --quiet --warnings-as-errors='*' --header-filter='$(our_headers)' $< -- \
	    $(ALL_CFLAGS) $(own) $(isa) 2>$@.log || { cat $@.log >&2; exit 1; }
	@touch $@

# --- installation ---------------------------------------------------------------------------------------------

.PHONY: install install-client uninstall
public    := $(notdir $(wildcard $(S)include/*.h))
man_pages := $(notdir $(wildcard $(S)doc/*.1 $(S)doc/*.3))
job_docs  := batch.md protocol.md $(addprefix batch/,$(notdir $(wildcard $(S)doc/batch/*.sh)))
completion := $(prefix)/share/bash-completion/completions
man_path   = $(mandir)/man$(patsubst .%,%,$(suffix $1))/$1
installed  = $(patsubst $(O)/bin/%,$(bindir)/%,$(programs)) $(addprefix $(includedir)/,$(public)) \
             $(foreach name,nave nave-client,$(libdir)/pkgconfig/$(name).pc \
                 $(addprefix $(libdir)/lib$(name).,a so so.$(SOVERSION) so.$(VERSION))) \
             $(foreach page,$(man_pages),$(call man_path,$(page))) $(addprefix $(docdir)/,$(job_docs)) $(completion)/nave

# of_client: only what is for it.
of_client = $(if $(filter install-client,$@),$(filter $1,$2),$2)

install: all
install-client: client
install install-client:
	$(INSTALL) -d $(addprefix $(DESTDIR),$(sort $(dir $(installed))))
	$(if $(programs),$(INSTALL) -m 755 $(call of_client,%/nave,$(programs)) $(DESTDIR)$(bindir))
	$(foreach name,$(call of_client,nave-client,nave nave-client), \
	$(INSTALL) -m 644 $(O)/lib/lib$(name).a $(DESTDIR)$(libdir) && \
	$(INSTALL) -m 755 $(O)/lib/lib$(name).so.$(VERSION) $(DESTDIR)$(libdir) && \
	ln -sf lib$(name).so.$(VERSION) $(DESTDIR)$(libdir)/lib$(name).so.$(SOVERSION) && \
	ln -sf lib$(name).so.$(SOVERSION) $(DESTDIR)$(libdir)/lib$(name).so && \
	$(INSTALL) -m 644 $(O)/lib/$(name).pc $(DESTDIR)$(libdir)/pkgconfig &&) :
	$(INSTALL) -m 644 $(addprefix $(S)include/,$(call of_client,nave_client.h nave_kernel.h,$(public))) $(DESTDIR)$(includedir)
	$(foreach page,$(call of_client,nave.1 nave-client.3,$(man_pages)),$(INSTALL) -m 644 $(S)doc/$(page) $(DESTDIR)$(call man_path,$(page)) &&) :
	$(foreach file,$(job_docs),$(INSTALL) -m 644 $(S)doc/$(file) $(DESTDIR)$(docdir)/$(file) &&) :
	$(INSTALL) -m 644 $(S)doc/nave.bash $(DESTDIR)$(completion)/nave

uninstall:
	rm -f $(addprefix $(DESTDIR),$(installed))

.PHONY: dist clean distclean help
dist:
	@$(S).ci/dist '$O' nave-$(VERSION)

clean:
	rm -rf $(addprefix $(O)/,bin lib obj bench test sanitize fuzz lint dist given flags probe.mak nave.pc.key)

distclean: clean
	rm -f $(addprefix $(if $S,$(CONFIG)/),config.mak.autogen config.status config.log)
	$(if $(filter .,$O),,rm -rf $(O))

help:
	@sed -n 's/^#? \{0,1\}//p' $(S)Makefile
