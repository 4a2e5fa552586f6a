#!/usr/bin/perl
# Takes the place of the worker and lies, in the way that the name it is called by says.
use strict;
use warnings;

binmode STDIN;
binmode STDOUT;
$| = 1;
my ($lie) = $0 =~ m{([^/]*)$};

# Everything that a worker is ever told, kept beside the name.
if ($lie eq 'recorder') {
    open my $record, '>:raw', "$0.record" or die;
    my $head;
    while ((read(STDIN, $head, 5) // 0) == 5) {
        read(STDIN, my $body, unpack('xV', $head));
        syswrite $record, $head . $body;
        my $kind = substr $head, 0, 1;
        if ($kind eq 'S') { print frame('g', '{"landlock":"full","seccomp":true,"limits":true}') }
        if ($kind eq 'O') { print frame('d', 'recorded') }
    }
    exit 0;
}

# The next frame's kind.
sub take {
    my ($head, $body) = ('', '');
    (read(STDIN, $head, 5) // 0) == 5 or exit 0;
    my ($kind, $length) = unpack('aV', $head);
    (read(STDIN, $body, $length) // 0) == $length or exit 0;
    return $kind;
}

sub frame {
    my ($kind, @fields) = @_;
    my $body = join('', map { pack('V', length $_) . $_ } @fields);
    return $kind . pack('V', length $body) . $body;
}

take();
if ($lie eq 'rude')  { print "no\n" x 100; sleep 60 }
if ($lie eq 'gone')  { exit 9 }
if ($lie eq 'liar')  { print frame('g', '{"landlock":"full","seccomp":true,"limits":true,"more":1}'); sleep 60 }
print frame('g', '{"landlock":"full","seccomp":true,"limits":true}');
take();
if ($lie eq 'deaf')  { sleep 60 }
if ($lie eq 'early') { print frame('o', '{}', ''); sleep 60 }
take();

my %lies = (
    'status'    => sub { exit 7 },
    'killed'    => sub { kill 9, $$; sleep 60 },
    'segv'      => sub { kill 11, $$; sleep 60 },
    'memory'    => sub { syswrite STDERR, "memory allocation of 99 bytes failed\n"; kill 6, $$; sleep 60 },
    'stack'     => sub { syswrite STDERR, "\nthread 'main' has overflowed its stack\n"; kill 6, $$; sleep 60 },
    'zeros'     => sub { print "\0" x 1000 },
    'endless'   => sub { print 'A' x 4096 while 1 },
    'too-long'  => sub { print 'o' . pack('V', 0xffffffff) },
    'promise'   => sub { print 'o' . pack('V', 90 << 20); sleep 60 },
    'half'      => sub { print substr(frame('o', '{}' x 100, ''), 0, 50); exit 0 },
    'no-fields' => sub { print frame('o') },
    'fields'    => sub { print frame('o', ('x') x 10_000) },
    'empty'     => sub { print frame('o', '{}', '') },
    'deep'      => sub { print frame('o', '[' x 1_000_000, '') },
    'not-json'  => sub { print frame('o', "\xff\x00" x 1000, 'text') },
    'content'   => sub { print frame('c', 'a part that nobody asked for') },
    'greets'    => sub { print frame('g', '{"landlock":"full","seccomp":true,"limits":true}') },
    'flood'     => sub { while (1) { print frame('a', "\0\0\x14" . 'F' x 20); take() } },
    'questions' => sub { for my $n (0 .. 200) { print frame('a', pack('C*', map { int rand 256 } 1 .. $n)); take() } exit 3 },
    'long-ask'  => sub { print frame('a', 'q' x 9000) },
    'defect'    => sub { print frame('d', "src/\e[2Jmail.rs:1\nforged line") },
    'closed'    => sub { close STDOUT; close STDERR; sleep 60 },
    'slow'      => sub { sleep 60 },
    'drip'      => sub { for my $byte (split //, frame('o', '{' x 4000, '')) { print $byte; select(undef, undef, undef, 0.05) } },
    'spin'      => sub { 1 while 1 },
);
$lies{$lie}->();
take() while 1;
