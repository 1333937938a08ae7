"""The data that is measured on, made once and kept."""
import os
import random
import subprocess

CHUNK = 1 << 20


def kernel_tree(work):
    """Debian's linux-source-6.1: 78,000 files, 1.3 GB."""
    done = os.path.join(work, "linux-source-6.1")
    if not os.path.isdir(done):
        partial = os.path.join(work, "linux.part")
        subprocess.run(["rm", "-rf", partial], check=True)
        os.makedirs(partial)
        subprocess.run(["tar", "-xf", "/usr/src/linux-source-6.1.tar.xz", "-C", partial],
                       check=True)
        os.rename(os.path.join(partial, "linux-source-6.1"), done)
        os.rmdir(partial)
    return done


def large_file(work, size=3_000_000_000):
    """Two parts of shared libraries to one part of random bytes, in turns of 32 MiB."""
    path = os.path.join(work, "large", "large.bin")
    if os.path.exists(path) and os.path.getsize(path) == size:
        return path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    libraries = library_bytes()
    noise = random.Random(1)
    with open(path + ".part", "wb") as out:
        written = 0
        turn = 0
        while written < size:
            take = min(32 * CHUNK, size - written)
            if turn % 3 == 2:
                piece = noise.randbytes(take)
            else:
                piece = b"".join(next(libraries) for _ in range(-(-take // CHUNK)))[:take]
            out.write(piece)
            written += len(piece)
            turn += 1
    os.rename(path + ".part", path)
    return path


def library_bytes():
    """Pieces of 1 MiB of the machine's shared libraries. A second round adds one to each byte, so
    that it compresses as well but is nothing that was seen before."""
    names = sorted(os.path.join(folder, name) for folder, _, files in os.walk("/usr/lib")
                   for name in files
                   if ".so" in name and not os.path.islink(os.path.join(folder, name)))
    for add in range(256):
        table = bytes((i + add) % 256 for i in range(256))
        rest = b""
        for name in names:
            with open(name, "rb") as opened:
                while piece := opened.read(CHUNK):
                    rest += piece if add == 0 else piece.translate(table)
                    if len(rest) >= CHUNK:
                        yield rest[:CHUNK]
                        rest = rest[CHUNK:]


def many_files(work, count=1_000_000, folders=2_000):
    """Small files of 40 to 200 bytes."""
    top = os.path.join(work, f"many-{count}")
    if os.path.isdir(top):
        return top
    partial = top + ".part"
    subprocess.run(["rm", "-rf", partial], check=True)
    noise = random.Random(2)
    each = count // folders
    for folder in range(folders):
        path = os.path.join(partial, f"{folder // 100:03}", f"{folder % 100:03}")
        os.makedirs(path)
        for number in range(each):
            with open(f"{path}/item-{number:05}.txt", "w") as out:
                out.write(f"item {folder} {number} {noise.random()}\n" * noise.randint(1, 5))
    os.rename(partial, top)
    return top


def touch_files(tree, share, seed):
    """Appends a line to `share` of the files at random; returns their paths."""
    names = [os.path.join(folder, name) for folder, _, files in os.walk(tree) for name in files]
    names = sorted(n for n in names if not os.path.islink(n))
    chosen = random.Random(seed).sample(names, int(len(names) * share))
    for name in chosen:
        with open(name, "ab") as out:
            out.write(f"/* touched {seed} {os.path.basename(name)} */\n".encode())
    return chosen
