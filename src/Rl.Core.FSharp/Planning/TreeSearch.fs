/// Monte-Carlo tree search over discrete actions: UCT and PUCT.
namespace Rl.Core.Planning

open System
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning

/// How an action is chosen in a node of the tree.
type TreeSelection =
    /// Upper confidence bounds: Q̄(s, a) + c √(ln N(s) / N(s, a)), each action once before any other twice.
    | Uct = 0
    /// With a prior π over actions: Q̄(s, a) + c π(a|s) √N(s) / (1 + N(s, a)).
    | Puct = 1

/// Options of Monte-Carlo tree search.
type TreeSearchOptions =
    {
        /// Ways through the tree for each decision.
        Simulations: int
        /// The number of actions that are thought ahead, in the tree and beyond it.
        Horizon: int
        /// γ.
        Discount: float
        /// c: how much an action counts that has been tried little. Values are scaled to [0, 1] within the tree.
        Exploration: float
        /// How an action is chosen.
        Selection: TreeSelection
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module TreeSearchOptions =

    /// UCT with 500 simulations of 50 actions.
    let defaults =
        {
            Simulations = 500
            Horizon = 50
            Discount = 0.99
            Exploration = 1.4
            Selection = TreeSelection.Uct
        }

    /// A row an option but the selection, which has names of its own.
    let rows: OptionRow<TreeSearchOptions> list =
        let d = defaults

        [
            Options.whole (nameof d.Simulations) (Range.atLeast 1.0) _.Simulations (fun v c ->
                { c with Simulations = v })
            Options.whole (nameof d.Horizon) (Range.atLeast 1.0) _.Horizon (fun v c -> { c with Horizon = v })
            Options.number (nameof d.Discount) Range.fraction _.Discount (fun v c -> { c with Discount = v })
            Options.number (nameof d.Exploration) Range.notNegative _.Exploration (fun v c ->
                { c with Exploration = v })
        ]

/// What is known of a state before the tree is searched: a prior over actions, and a value.
type ILeafEvaluator =
    /// priors[a] ← π(a|s), of which impossible actions have none; the result is V(s), the expected return from there.
    abstract Evaluate: observation: ReadOnlySpan<float32> * priors: Span<float> -> float

/// Searches a tree whose nodes are states in the places of a simulator. Each simulation goes down by the rule of
/// selection to a state that is new, judges it by actions drawn at random to the horizon (or by `leaf`), and adds what
/// was returned to all edges on its way. Where steps are a matter of chance, an edge is stepped again each time and
/// leads to as many nodes as there are outcomes. The most visited action is decided on. Values are scaled by the least
/// and the greatest in the tree. After construction nothing is allocated. Not thread-safe. Sources: Kocsis and
/// Szepesvári, "Bandit based Monte-Carlo planning" (2006); Rosin, "Multi-armed bandits with episode context" (2011);
/// Silver et al., "Mastering the game of Go without human knowledge" (2017); for the scaling Schrittwieser et al.
/// (2020), equation 5.
[<Sealed>]
type TreeSearch(options: TreeSearchOptions, simulator: Simulator, leaf: ILeafEvaluator | null) =
    do
        Options.validate TreeSearchOptions.rows options

        if simulator.Places < TreeSearch.Places options then
            Guard.fail
                (nameof simulator)
                ($"simulator has {simulator.Places} places; {options.Simulations} simulations need "
                 + $"{TreeSearch.Places options}.")

    let struct (count, start) =
        match simulator.ActionSpace with
        | Space.Discrete(count, start) -> struct (count, start)
        | other ->
            Guard.fail
                (nameof simulator)
                ($"{simulator.Id} has the actions {other}; tree search needs Discrete ones. Plan with cem, icem or "
                 + "mppi, which take every bounded space of actions.")

    let nodes = options.Simulations + 1
    // The place behind all nodes, in which edges are stepped.
    let scratch = nodes
    let isPuct = (options.Selection = TreeSelection.Puct)
    let visits = Array.zeroCreate<int> nodes
    let isTerminal = Array.zeroCreate<bool> nodes
    let reward = Array.zeroCreate<float> nodes
    let nextSibling = Array.zeroCreate<int> nodes
    let possible = Array.zeroCreate<bool>(nodes * count)
    let priors = Array.zeroCreate<float>(nodes * count)
    let edgeVisits = Array.zeroCreate<int>(nodes * count)
    let edgeTotals = Array.zeroCreate<float>(nodes * count)
    let firstChild = Array.zeroCreate<int>(nodes * count)
    let pathEdges = Array.zeroCreate<int> options.Horizon
    let pathRewards = Array.zeroCreate<float> options.Horizon
    let action = Array.zeroCreate<float32> 1
    let outcomes = Array.zeroCreate<Outcome> 1
    let mask = Array.create count true
    let observation = Array.zeroCreate<float32> simulator.ObservationSpace.Size
    let mutable used = 0
    let mutable least, most = infinity, -infinity

    let step (choice: int) : Outcome =
        action[0] <- float32 (start + choice)
        simulator.Step(scratch, 1, ReadOnlySpan action, Span outcomes)

        if Double.IsNaN outcomes[0].Reward then
            invalidOp $"{simulator.Id} returned the reward NaN while a planner thought ahead; a reward must be finite."

        outcomes[0]

    /// Opens a node for the state in a place; what its leaf is worth, or NaN if that is still to be found out.
    let openNode (node: int) (isEnd: bool) : float =
        visits[node] <- 0
        isTerminal[node] <- isEnd
        nextSibling[node] <- -1
        let first = node * count
        Array.Clear(edgeVisits, first, count)
        Array.Clear(edgeTotals, first, count)
        Array.Fill(firstChild, -1, first, count)

        if simulator.HasActionMask && not isEnd then
            simulator.ActionMask(node, Span(possible, first, count))
        else
            Array.Fill(possible, true, first, count)

        match leaf with
        | null ->
            Array.Fill(priors, 1.0 / float count, first, count)
            if isEnd then 0.0 else nan
        | leaf ->
            if isEnd then
                0.0
            else
                simulator.Observe(node, Span observation)
                let value = leaf.Evaluate(ReadOnlySpan observation, Span(priors, first, count))

                if not (Double.IsFinite value) then
                    invalidOp $"The leaf evaluator's value is {value}; it must be a finite number."

                value

    let scaled (value: float) = if most > least then (value - least) / (most - least) else 0.5

    /// The action of a node by the rule of selection; the first of equal ones.
    let select (node: int) : int =
        let first = node * count
        let all = float visits[node]
        let mutable best, bestScore = -1, -infinity

        for choice in 0 .. count - 1 do
            if possible[first + choice] then
                let tried = float edgeVisits[first + choice]

                let score =
                    if isPuct then
                        let value = if tried > 0.0 then scaled (edgeTotals[first + choice] / tried) else 0.0
                        value + options.Exploration * priors[first + choice] * sqrt all / (1.0 + tried)
                    elif tried = 0.0 then
                        infinity
                    else
                        scaled (edgeTotals[first + choice] / tried) + options.Exploration * sqrt (log all / tried)

                if best < 0 || score > bestScore then
                    best <- choice
                    bestScore <- score

        best

    /// Σ γᵏ rₖ of actions at random from the state in the scratch place.
    let rollout (steps: int) (key: Rng) : struct (float * Rng) =
        let mutable key = key
        let mutable total, weight, t = 0.0, 1.0, 0

        while t < steps do
            if simulator.HasActionMask then simulator.ActionMask(scratch, Span mask)
            let chosen = Span action
            key <- simulator.ActionSpace.Sample(key, ReadOnlySpan mask, chosen)
            let outcome = step (int action[0] - start)
            total <- total + weight * outcome.Reward
            weight <- weight * options.Discount
            t <- if outcome.Terminated || outcome.Truncated then steps else t + 1

        struct (total, key)

    /// The child of an edge whose state is in the scratch place; −1 if there is none.
    let childOf (edge: int) (isEnd: bool) : int =
        let mutable child = firstChild[edge]

        while child >= 0 && not (isTerminal[child] = isEnd && simulator.AreEqual(child, scratch)) do
            child <- nextSibling[child]

        child

    let simulate (key: Rng) : Rng =
        let mutable key = key
        let mutable node, depth, value = 0, 0, nan

        while Double.IsNaN value do
            if isTerminal[node] || depth = options.Horizon then
                value <- 0.0
            else
                let edge = node * count + select node
                pathEdges[depth] <- edge
                let known = if simulator.IsDeterministic then firstChild[edge] else -1

                if known >= 0 then
                    pathRewards[depth] <- reward[known]
                    node <- known
                else
                    simulator.Copy(node, scratch)
                    let outcome = step (edge - node * count)
                    let isEnd = outcome.Terminated || outcome.Truncated
                    pathRewards[depth] <- outcome.Reward
                    let child = childOf edge isEnd

                    if child >= 0 then
                        node <- child
                    else
                        let added = used
                        used <- used + 1
                        simulator.Copy(scratch, added)
                        value <- openNode added isEnd
                        reward[added] <- outcome.Reward
                        nextSibling[added] <- firstChild[edge]
                        firstChild[edge] <- added

                        if Double.IsNaN value then
                            let struct (total, next) = rollout (options.Horizon - depth - 1) key
                            value <- total
                            key <- next

                depth <- depth + 1

        for index in depth - 1 .. -1 .. 0 do
            let edge = pathEdges[index]
            value <- pathRewards[index] + options.Discount * value
            visits[edge / count] <- visits[edge / count] + 1
            edgeVisits[edge] <- edgeVisits[edge] + 1
            edgeTotals[edge] <- edgeTotals[edge] + value
            let mean = edgeTotals[edge] / float edgeVisits[edge]
            least <- min least mean
            most <- max most mean

        key

    /// The places that a search with these options needs: a node for each simulation, the root, and one to step in.
    static member Places(options: TreeSearchOptions) : int = options.Simulations + 2

    /// The visits of each of the root's actions in the last search.
    member _.Visits: int[] = Array.sub edgeVisits 0 count
    /// The mean return of each of the root's actions in the last search; NaN for one that was not tried.
    member _.Values: float[] = Array.init count (fun choice -> edgeTotals[choice] / float edgeVisits[choice])
    /// The states in the tree of the last search.
    member _.Nodes = used

    /// Searches from the present state of a copy of the batch that the simulator belongs to, which shows `shown`, and
    /// writes the most visited action among those that `allowed` has (empty: all); the generator that follows comes
    /// out.
    member _.Decide
        (copy: int, shown: ReadOnlySpan<float32>, allowed: ReadOnlySpan<bool>, key: Rng, decided: Span<float32>)
        : Rng =
        let struct (streams, rest) = Rng.split key
        let mutable key = rest
        simulator.Begin(copy, shown)
        simulator.Seed streams
        simulator.Spread(0, 1)
        used <- 1
        least <- infinity
        most <- -infinity
        openNode 0 false |> ignore

        for choice in 0 .. allowed.Length - 1 do
            possible[choice] <- possible[choice] && allowed[choice]

        if not (Span(possible, 0, count).Contains true) then
            invalidOp $"{simulator.Id} allows no action in its present state; its action mask must leave one."

        for _ in 1 .. options.Simulations do
            key <- simulate key

        let mutable best = -1

        for choice in 0 .. count - 1 do
            if possible[choice] then
                let isBetter =
                    best < 0
                    || edgeVisits[choice] > edgeVisits[best]
                    || edgeVisits[choice] = edgeVisits[best] && edgeTotals[choice] > edgeTotals[best]

                if isBetter then best <- choice

        decided[0] <- float32 (start + best)
        key
