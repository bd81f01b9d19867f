/// Numbers with all sums of halves above them: one is found by its share of the total in log₂ n steps.
namespace Rl.Core.Experience

open System
open System.Numerics
open Rl.Core.Foundations

/// Nodes of a sum tree: node 1 is the root, and nodes 2 i and 2 i + 1 are below node i.
module private SumNodes =

    /// 0 or 1: which of a node's parts the leaf that a share of its sum belongs to is below. Without branches, which
    /// nobody could foretell.
    let inline part (nodes: float[]) (node: int) (rest: float) : int =
        let isBeyond = if rest >= nodes[2 * node] then 1 else 0
        let isThere = if nodes[2 * node + 1] > 0.0 then 1 else 0
        isBeyond &&& isThere

    /// The sum of a node's parts.
    let inline addUp (nodes: float[]) (node: int) : unit = nodes[node] <- nodes[2 * node] + nodes[2 * node + 1]

/// `count` leaves ≥ 0, at first 0, and the sums of each two neighbours above them. A sum is always its two parts added,
/// so that the tree depends on its leaves alone and not on how they came to be; it may be built anew from them at any
/// time. A workspace: leaves change in place.
[<Sealed>]
type SumTree(count: int) =
    do Guard.positive (nameof count) count

    do
        if count > (1 <<< 29) then
            Guard.fail (nameof count) $"count is {count}; a sum tree has at most {1 <<< 29} leaves."

    let size = int (BitOperations.RoundUpToPowerOf2(uint32 count))
    // Node 1 is the root, nodes 2 i and 2 i + 1 are below node i, and the leaves are the nodes from `size` on.
    let nodes = Array.zeroCreate<float>(2 * size)

    let require index =
        if index < 0 || index >= count then
            Guard.fail (nameof index) $"The tree has {count} leaves; there is no leaf {index}."

    let requirePriority (value: float) =
        if not (Double.IsFinite value && value >= 0.0) then
            Guard.fail (nameof value) $"A priority is {value}; it must be finite and not negative."

    /// The number of leaves.
    member _.Count = count
    /// The sum of all leaves.
    member _.Total = nodes[1]

    /// A leaf.
    member _.Item
        with get (index: int): float =
            require index
            nodes[size + index]

    /// Changes a leaf, and the sums above it.
    member _.Set(index: int, value: float) : unit =
        require index
        requirePriority value
        let mutable node = size + index
        nodes[node] <- value
        node <- node / 2

        while node > 0 do
            SumNodes.addUp nodes node
            node <- node / 2

    /// Changes a leaf and leaves the sums as they are: `Rebuild` when all are there.
    member internal _.SetAlone(index: int, value: float) : unit =
        require index
        requirePriority value
        nodes[size + index] <- value

    /// Adds up all sums.
    member internal _.Rebuild() : unit =
        for node in size - 1 .. -1 .. 1 do
            SumNodes.addUp nodes node

    /// Adds up the sums above some leaves that were changed alone; afterwards the list is all 0. The loads of a level
    /// do not wait for each other.
    member internal _.AddUp(leaves: Span<int>) : unit =
        for index in 0 .. leaves.Length - 1 do
            leaves[index] <- (size + leaves[index]) / 2

        let mutable level = size / 2

        while level > 0 do
            for index in 0 .. leaves.Length - 1 do
                SumNodes.addUp nodes leaves[index]
                leaves[index] <- leaves[index] / 2

            level <- level / 2

    /// The leaf i with p₀ + … + pᵢ₋₁ ≤ value < p₀ + … + pᵢ, for 0 ≤ value < `Total`. A leaf of 0 is never found, as
    /// long as any is not 0, whatever the rounding of the sums.
    member _.Find(value: float) : int =
        let mutable node = 1
        let mutable rest = value

        while node < size do
            let part = SumNodes.part nodes node rest
            rest <- rest - float part * nodes[2 * node]
            node <- 2 * node + part

        min (node - size) (count - 1)

    /// `Find` of several values, which it uses up. The loads of a level do not wait for each other.
    member internal _.FindAll(values: Span<float>, leaves: Span<int>) : unit =
        leaves.Fill 1
        let mutable level = 1

        while level < size do
            for index in 0 .. leaves.Length - 1 do
                let node, rest = leaves[index], values[index]
                let part = SumNodes.part nodes node rest
                values[index] <- rest - float part * nodes[2 * node]
                leaves[index] <- 2 * node + part

            level <- 2 * level

        for index in 0 .. leaves.Length - 1 do
            leaves[index] <- min (leaves[index] - size) (count - 1)

    /// The sum of the leaves `first` to `last` − 1.
    member _.Sum(first: int, last: int) : float =
        if first < 0 || first > last || last > count then
            Guard.fail (nameof last) $"The tree has {count} leaves; there are none from {first} to {last}."

        let mutable low, high = size + first, size + last
        let mutable sum = 0.0

        while low < high do
            if low % 2 = 1 then
                sum <- sum + nodes[low]
                low <- low + 1

            if high % 2 = 1 then
                high <- high - 1
                sum <- sum + nodes[high]

            low <- low / 2
            high <- high / 2

        sum

    /// The largest leaf.
    member _.Largest: float =
        let mutable largest = 0.0

        for index in 0 .. count - 1 do
            largest <- max largest nodes[size + index]

        largest
