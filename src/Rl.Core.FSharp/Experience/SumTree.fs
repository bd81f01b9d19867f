/// Numbers with sums of neighbours above them: one is found by its share of the total in log₂ n steps.
namespace Rl.Core.Experience

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices
open Rl.Core.Foundations

/// Eight numbers that lie together, in one line of the cache: their sum, and which of them a share of it belongs to.
/// Sums are those of halves of halves of halves, so that they are the sums of a binary tree, whose other nodes are
/// never stored.
module private SumBlock =

    [<Literal>]
    let Size = 8

    let inline private at (numbers: float[]) (index: int) : float =
        Unsafe.Add(&MemoryMarshal.GetArrayDataReference numbers, index)

    let inline private two numbers index = at numbers index + at numbers (index + 1)
    let inline private four numbers index = two numbers index + two numbers (index + 2)

    /// The sum of the eight from `first` on.
    let inline sum (numbers: float[]) (first: int) : float = four numbers first + four numbers (first + 4)

    /// 0 or 1: which of two parts a share of their sum belongs to. Without branches, which nobody could foretell.
    let inline private part (left: float) (right: float) (rest: float) : int =
        int (Unsafe.BitCast<bool, byte>(rest >= left) &&& Unsafe.BitCast<bool, byte>(right > 0.0))

    /// The number from `first` on that a share of their sum belongs to; the share becomes one of that number.
    let inline find (numbers: float[]) (first: int) (rest: byref<float>) : int =
        let left = four numbers first
        let half = part left (four numbers (first + 4)) rest
        rest <- rest - float half * left
        let first = first + 4 * half
        let left = two numbers first
        let quarter = part left (two numbers (first + 2)) rest
        rest <- rest - float quarter * left
        let first = first + 2 * quarter
        let left = at numbers first
        let one = part left (at numbers (first + 1)) rest
        rest <- rest - float one * left
        first + one

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
            Array.zeroCreate<float>(SumBlock.Size * blocks numbers)
            :: (if numbers <= SumBlock.Size then [] else from (blocks numbers))

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
    /// wait for each other.
    member internal _.AddUp(changed: Span<int>) : unit =
        for level in 0 .. levels.Length - 2 do
            for index in 0 .. changed.Length - 1 do
                changed[index] <- addUp level changed[index]

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
