/// Explicit, splittable randomness: a key goes in, a value and the next key come out.
namespace Rl.Core.Foundations

open System
open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open System.Runtime.Intrinsics.X86

/// A SplitMix64 generator as a 16-byte value (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
/// OOPSLA 2014, figure 16). Copying it copies the stream; nothing is hidden or shared.
[<Struct; CustomEquality; NoComparison>]
type Rng =
    /// The position in the Weyl sequence.
    val State: uint64
    /// The odd step of the Weyl sequence; it tells streams apart.
    val Gamma: uint64

    /// A generator from its two words, as saved in a checkpoint. `gamma` is made odd.
    new(state, gamma) = { State = state; Gamma = gamma ||| 1UL }

    override this.Equals other =
        match other with
        | :? Rng as other -> this.State = other.State && this.Gamma = other.Gamma
        | _ -> false

    override this.GetHashCode() = HashCode.Combine(this.State, this.Gamma)

    interface IEquatable<Rng> with
        member this.Equals other = this.State = other.State && this.Gamma = other.Gamma

/// Draws from an `Rng`. Each function returns the drawn value and the generator that follows it.
[<RequireQualifiedAccess>]
module Rng =

    let inline private shiftXor (shift: int) (value: uint64) = value ^^^ (value >>> shift)

    /// The 64-bit finaliser of the paper (Stafford's variant 13).
    let inline private mix64 (value: uint64) =
        let value = shiftXor 30 value * 0xBF58476D1CE4E5B9UL
        shiftXor 31 (shiftXor 27 value * 0x94D049BB133111EBUL)

    /// An odd gamma with enough bit transitions (the paper's mixGamma).
    let private mixGamma (value: uint64) =
        let value = shiftXor 33 value * 0xFF51AFD7ED558CCDUL
        let value = shiftXor 33 (shiftXor 33 value * 0xC4CEB9FE1A85EC53UL) ||| 1UL

        if BitOperations.PopCount(value ^^^ (value >>> 1)) < 24 then
            value ^^^ 0xAAAAAAAAAAAAAAAAUL
        else
            value

    [<Literal>]
    let private GoldenGamma = 0x9E3779B97F4A7C15UL

    /// The generator of a seed; its sequence is that of Java 8's `SplittableRandom(seed)`.
    let create (seed: uint64) = Rng(seed, GoldenGamma)

    /// A uniform 64-bit word.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    let bits (rng: Rng) =
        let state = rng.State + rng.Gamma
        struct (mix64 state, Rng(state, rng.Gamma))

    let private mix512 (value: Vector512<uint64>) =
        let value = (value ^^^ Vector512.ShiftRightLogical(value, 30)) * Vector512.Create 0xBF58476D1CE4E5B9UL
        let value = (value ^^^ Vector512.ShiftRightLogical(value, 27)) * Vector512.Create 0x94D049BB133111EBUL
        value ^^^ Vector512.ShiftRightLogical(value, 31)

    /// Uniform 64-bit words, the same as of `bits` one after the other; returns the generator that follows the last.
    let fill (words: Span<uint64>) (rng: Rng) : Rng =
        let mutable state = rng.State
        let mutable first = 0

        // Multiplications of 64 bits by 64 are one instruction only there.
        if Avx512DQ.IsSupported then
            let vectors = MemoryMarshal.Cast<uint64, Vector512<uint64>> words
            let steps = Vector512.Create(1UL, 2UL, 3UL, 4UL, 5UL, 6UL, 7UL, 8UL) * Vector512.Create rng.Gamma
            let stride = Vector512.Create(8UL * rng.Gamma)
            let mutable states = Vector512.Create state + steps

            for index in 0 .. vectors.Length - 1 do
                vectors[index] <- mix512 states
                states <- states + stride

            first <- 8 * vectors.Length
            state <- state + uint64 first * rng.Gamma

        for index in first .. words.Length - 1 do
            state <- state + rng.Gamma
            words[index] <- mix64 state

        Rng(state, rng.Gamma)

    /// Two generators with independent streams: one to use, one to keep.
    let split (rng: Rng) =
        let first = rng.State + rng.Gamma
        let second = first + rng.Gamma
        struct (Rng(mix64 first, mixGamma second), Rng(second, rng.Gamma))

    /// `count` independent generators, in a fixed order: the stream of index i does not depend on `count`.
    let splitMany (count: int) (rng: Rng) =
        Guard.notNegative (nameof count) count
        let streams = Array.zeroCreate<Rng> count
        let mutable rest = rng

        for index in 0 .. count - 1 do
            let struct (stream, next) = split rest
            streams[index] <- stream
            rest <- next

        struct (streams, rest)

    /// The number in [0, 1), a multiple of 2⁻⁵³, that a uniform word stands for.
    let inline internal unitOf (word: uint64) : float = float (word >>> 11) * (1.0 / 9007199254740992.0)

    /// A uniform float64 in [0, 1), a multiple of 2⁻⁵³.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    let uniform (rng: Rng) =
        let struct (word, next) = bits rng
        struct (unitOf word, next)

    /// A uniform float64 in [low, high).
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    let uniformIn (low: float) (high: float) (rng: Rng) =
        let struct (value, next) = uniform rng
        // Where few numbers lie between them the sum may round up to `high`.
        let drawn = low + (high - low) * value
        struct ((if drawn < high || low >= high then drawn else Math.BitDecrement high), next)

    /// A uniform integer in [0, bound), without bias (Lemire, "Fast random integer generation in an interval", 2019).
    let below (bound: int) (rng: Rng) =
        Guard.positive (nameof bound) bound
        let range = uint64 bound
        let struct (word, next) = bits rng
        let mutable rng = next
        let mutable low = 0UL
        let mutable high = Math.BigMul(word, range, &low)

        if low < range then
            let threshold = (0UL - range) % range

            while low < threshold do
                let struct (word, next) = bits rng
                rng <- next
                high <- Math.BigMul(word, range, &low)

        struct (int high, rng)

    /// A standard normal float64 (Box and Muller 1958; two uniforms a draw, so that the stream stays a plain value).
    let normal (rng: Rng) =
        let struct (first, rng) = uniform rng
        let struct (second, rng) = uniform rng
        struct (sqrt (-2.0 * log (1.0 - first)) * cos (2.0 * Math.PI * second), rng)

    /// Eight standard normal numbers of the uniform words that follow a state, two for each.
    let private normals512 (state: uint64) (gamma: uint64) : Vector256<float32> =
        let inline uniforms (places: Vector512<uint64>) =
            let words = mix512 (Vector512.Create state + places * Vector512.Create gamma)
            let whole = Vector512.ShiftRightLogical(words, 11).AsInt64()
            Vector512.ConvertToDouble whole * Vector512.Create(1.0 / 9007199254740992.0)

        let first = uniforms (Vector512.Create(1UL, 3UL, 5UL, 7UL, 9UL, 11UL, 13UL, 15UL))
        let second = uniforms (Vector512.Create(2UL, 4UL, 6UL, 8UL, 10UL, 12UL, 14UL, 16UL))
        let radius = Vector512.Sqrt(Vector512.Create -2.0 * Vector512.Log(Vector512.Create 1.0 - first))
        let normal = radius * Vector512.Cos(Vector512.Create(2.0 * Math.PI) * second)
        Vector512.Narrow(normal, normal).GetLower()

    /// Standard normal float32s, those of `normal` one after the other up to the last digit, many times as fast;
    /// returns the generator that follows the last. The bits do not depend on how many are drawn at once.
    let normals (values: Span<float32>) (rng: Rng) : Rng =
        let mutable state = rng.State
        let mutable index = 0

        while index < values.Length do
            let eight = normals512 state rng.Gamma
            let count = min 8 (values.Length - index)

            if count = 8 then
                eight.CopyTo(values.Slice index)
            else
                for lane in 0 .. count - 1 do
                    values[index + lane] <- eight[lane]

            state <- state + uint64 (2 * count) * rng.Gamma
            index <- index + count

        Rng(state, rng.Gamma)

    /// True with the given probability.
    let bernoulli (probability: float) (rng: Rng) =
        let struct (value, next) = uniform rng
        struct (value < probability, next)

    /// Shuffles a span in place (Fisher and Yates); returns the generator that follows.
    let shuffle (items: Span<'T>) (rng: Rng) =
        let mutable rng = rng

        for last in items.Length - 1 .. -1 .. 1 do
            let struct (index, next) = below (last + 1) rng
            rng <- next
            let item = items[index]
            items[index] <- items[last]
            items[last] <- item

        rng

    /// A uniform permutation of 0 … count − 1.
    let permutation (count: int) (rng: Rng) =
        let items = Array.init count id
        let next = shuffle (Span items) rng
        struct (items, next)
