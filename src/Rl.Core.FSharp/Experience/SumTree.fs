/// Numbers with sums of neighbours above them: one is found by its share of the total in log₂ n steps.
namespace Rl.Core.Experience

open System
open System.Numerics
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open System.Runtime.Intrinsics
open Rl.Core.Foundations

/// Eight numbers that lie together, in one line of the cache: their sum, and which of them a share of it belongs to.
/// Sums are those of halves of halves of halves, so that they are the sums of a binary tree, whose other nodes are
/// never stored.
module internal SumBlock =

    [<Literal>]
    let Size = 8

    let inline private at (numbers: float[]) (index: int) : float =
        Unsafe.Add(&MemoryMarshal.GetArrayDataReference numbers, index)

    let inline private two numbers index = at numbers index + at numbers (index + 1)
    let inline private four numbers index = two numbers index + two numbers (index + 2)

    /// The sum of the eight from `first` on.
    let inline sum (numbers: float[]) (first: int) : float = four numbers first + four numbers (first + 4)

    /// What a share belongs to, of eight numbers whose sums up to each are given: the first whose sum exceeds the share
    /// and which is not 0, or where rounding left none the last that is not 0. `exceeding` and `positive` have a bit
    /// for each number.
    let inline private choose (exceeding: uint64) (positive: uint64) : int =
        let candidates = exceeding &&& positive
        let last = 63 - BitOperations.LeadingZeroCount(positive ||| 1UL)
        BitOperations.TrailingZeroCount(candidates ||| (1UL <<< last))

    /// `find` by eight lanes: each sum is of two sums, of lanes one, two and four apart.
    let findByLanes (numbers: float[]) (first: int) (rest: byref<float>) : int =
        let eight = Vector512.LoadUnsafe(&Unsafe.Add(&MemoryMarshal.GetArrayDataReference numbers, first))
        // A place of 8 stands for 0.
        let inline shifted (lanes: Vector512<float>) (places: Vector512<int64>) = Vector512.Shuffle(lanes, places)
        let ones = eight + shifted eight (Vector512.Create(8L, 0L, 1L, 2L, 3L, 4L, 5L, 6L))
        let twos = ones + shifted ones (Vector512.Create(8L, 8L, 0L, 1L, 2L, 3L, 4L, 5L))
        let sums = twos + shifted twos (Vector512.Create(8L, 8L, 8L, 8L, 0L, 1L, 2L, 3L))
        let exceeding = Vector512.GreaterThan(sums, Vector512.Create rest).ExtractMostSignificantBits()
        let positive = Vector512.GreaterThan(eight, Vector512<float>.Zero).ExtractMostSignificantBits()
        let found = choose exceeding positive
        let before = shifted sums (Vector512.Create(8L, 0L, 1L, 2L, 3L, 4L, 5L, 6L))
        rest <- rest - Vector512.Shuffle(before, Vector512.Create(int64 found)).ToScalar()
        first + found

    /// `find` one number after the other, with the sums that lanes have.
    let findByOne (numbers: float[]) (first: int) (rest: byref<float>) : int =
        let inline one index = at numbers (first + index)
        let inline pair index = one index + one (index - 1)
        let sums = Scratch.span<float> Size
        sums[0] <- one 0
        sums[1] <- pair 1
        sums[2] <- pair 2 + one 0
        sums[3] <- pair 3 + pair 1
        sums[4] <- (pair 4 + pair 2) + one 0
        sums[5] <- (pair 5 + pair 3) + pair 1
        sums[6] <- (pair 6 + pair 4) + (pair 2 + one 0)
        sums[7] <- (pair 7 + pair 5) + (pair 3 + pair 1)
        let mutable exceeding, positive = 0UL, 0UL

        for index in 0 .. Size - 1 do
            if sums[index] > rest then exceeding <- exceeding ||| (1UL <<< index)
            if one index > 0.0 then positive <- positive ||| (1UL <<< index)

        let found = choose exceeding positive
        if found > 0 then rest <- rest - sums[found - 1]
        first + found

    /// The number from `first` on that a share of their sum belongs to; the share becomes one of that number.
    let inline find (numbers: float[]) (first: int) (rest: byref<float>) : int =
        if Vector512.IsHardwareAccelerated then
            findByLanes numbers first &rest
        else
            findByOne numbers first &rest

/// `count` leaves ≥ 0, at first 0, and above each eight neighbours their sum, and so on. A sum is always that of
/// halves, so that the tree depends on its leaves alone and not on how they came to be; it may be built anew from them
/// at any time. A workspace: leaves change in place.
[<Sealed>]
type SumTree(count: int) =
    do Guard.positive (nameof count) count

    do
        if count > (1 <<< 29) then
            Guard.fail (nameof count) $"count is {count}; a sum tree has at most {1 <<< 29} leaves."

    // The leaves, the sums of each eight of them, and so on up to eight at most; filled up with zeros to whole blocks.
    let levels =
        let blocks numbers = (numbers + SumBlock.Size - 1) / SumBlock.Size

        let rec from numbers =
            let level = Array.zeroCreate<float>(SumBlock.Size * blocks numbers)
            LargePages.advise level
            level :: (if numbers <= SumBlock.Size then [] else from (blocks numbers))

        from count |> List.toArray

    let leaves, top = levels[0], levels[levels.Length - 1]

    let require index =
        if index < 0 || index >= count then
            Guard.fail (nameof index) $"The tree has {count} leaves; there is no leaf {index}."

    let requirePriority (value: float) =
        if not (Double.IsFinite value && value >= 0.0) then
            Guard.fail (nameof value) $"A priority is {value}; it must be finite and not negative."

    /// Adds up the block of a level that a number belongs to: the number of its sum one level up.
    let addUp level index =
        let block = index / SumBlock.Size
        levels[level + 1][block] <- SumBlock.sum levels[level] (SumBlock.Size * block)
        block

    /// The number of leaves.
    member _.Count = count
    /// The sum of all leaves.
    member _.Total = SumBlock.sum top 0

    /// A leaf.
    member _.Item
        with get (index: int): float =
            require index
            leaves[index]

    /// Changes a leaf, and the sums above it.
    member _.Set(index: int, value: float) : unit =
        require index
        requirePriority value
        leaves[index] <- value
        let mutable changed = index

        for level in 0 .. levels.Length - 2 do
            changed <- addUp level changed

    /// Changes a leaf and leaves the sums as they are: `Rebuild` when all are there.
    member internal _.SetAlone(index: int, value: float) : unit =
        require index
        requirePriority value
        leaves[index] <- value

    /// Adds up all sums.
    member internal _.Rebuild() : unit =
        for level in 0 .. levels.Length - 2 do
            for block in 0 .. levels[level].Length / SumBlock.Size - 1 do
                addUp level (SumBlock.Size * block) |> ignore

    /// Adds up the sums above some leaves that were changed alone; the list is used up. The loads of a level do not
    /// wait for each other, and what neighbours in the list have in common is added up once.
    member internal _.AddUp(changed: Span<int>) : unit =
        let mutable count = changed.Length

        for level in 0 .. levels.Length - 2 do
            let mutable kept = 0

            for index in 0 .. count - 1 do
                let block = changed[index] / SumBlock.Size

                if kept = 0 || changed[kept - 1] <> block then
                    changed[kept] <- addUp level changed[index]
                    kept <- kept + 1

            count <- kept

    /// The leaf i with p₀ + … + pᵢ₋₁ ≤ value < p₀ + … + pᵢ, for 0 ≤ value < `Total`. A leaf of 0 is never found, as
    /// long as any is not 0, whatever the rounding of the sums.
    member _.Find(value: float) : int =
        let mutable rest = value
        let mutable block = 0

        for level in levels.Length - 1 .. -1 .. 0 do
            block <- SumBlock.find levels[level] (SumBlock.Size * block) &rest

        min block (count - 1)

    /// `Find` of several values, which it uses up. The loads of a level do not wait for each other.
    member internal _.FindAll(values: Span<float>, found: Span<int>) : unit =
        found.Clear()

        for level in levels.Length - 1 .. -1 .. 0 do
            let numbers = levels[level]

            for index in 0 .. found.Length - 1 do
                found[index] <- SumBlock.find numbers (SumBlock.Size * found[index]) &values[index]

        for index in 0 .. found.Length - 1 do
            found[index] <- min found[index] (count - 1)

    /// The sum of the leaves `first` to `last` − 1.
    member _.Sum(first: int, last: int) : float =
        if first < 0 || first > last || last > count then
            Guard.fail (nameof last) $"The tree has {count} leaves; there are none from {first} to {last}."

        let mutable low, high = first, last
        let mutable level = 0
        let mutable sum = 0.0

        // Of each level what does not fill a block, from both ends; the rest is whole blocks, whose sums are above.
        while low < high do
            let numbers = levels[level]
            let isTop = level = levels.Length - 1

            while low < high && (isTop || low % SumBlock.Size <> 0) do
                sum <- sum + numbers[low]
                low <- low + 1

            while low < high && high % SumBlock.Size <> 0 do
                high <- high - 1
                sum <- sum + numbers[high]

            low <- low / SumBlock.Size
            high <- high / SumBlock.Size
            level <- level + 1

        sum

    /// The largest leaf.
    member _.Largest: float =
        let mutable largest = 0.0

        for leaf in leaves do
            largest <- max largest leaf

        largest
