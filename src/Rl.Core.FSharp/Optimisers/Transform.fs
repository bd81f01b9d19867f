/// Gradient transformations: pure (state, update) pairs over expressions that compose into optimisers.
namespace Rl.Core.Optimisers

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff

/// A piece of an optimiser's state, carried from one update to the next.
type StateVariable =
    {
        Name: string
        /// [||] for a scalar, [n] for a number a parameter.
        Shape: Shape
        /// Its value before the first update, in every element.
        Initial: float
    }

/// One step of a chain from gradients to updates.
type Transform =
    {
        /// The state for n parameters.
        State: int -> StateVariable list
        /// count (completed updates, a scalar) → gradient or update so far → state → θ → what goes on, new state. The
        /// new state has the order and the shapes of the old.
        Update: Expr -> Scaled -> Expr list -> Expr -> struct (Scaled * Expr list)
        /// The same for parameters of which some are matrices, in the order of their places and apart from each other;
        /// none where that makes no difference. The state has the same variables.
        ForMatrices: (MatrixPlace list -> Transform) option
    }

/// The transformations; they are combined with `chain`.
[<RequireQualifiedAccess>]
module Transform =

    let private perParameter name initial n = { Name = name; Shape = [| n |]; Initial = initial }

    let private without f =
        {
            State = fun _ -> []
            Update = fun count x state theta -> struct (f count x theta, state)
            ForMatrices = None
        }

    let private unexpected (state: Expr list) =
        Guard.fail (nameof state) $"The state has {state.Length} variables, which is not what the transformation keeps."

    /// x unchanged.
    let identity = without (fun _ x _ -> x)

    /// factor · x.
    let scale (factor: float) = without (fun _ x _ -> Scaled.times (Expr.number factor) x)

    let private usesCount (schedule: Schedule) =
        let count = Expr.input "count" Shape.scalar
        Graph.topological [ schedule count ] |> Array.exists (fun node -> obj.ReferenceEquals(node, count))

    /// factor(count) · x. A float32 count stands still at 2²⁴; what it misses from there on is counted beside it, in
    /// units of 1 and of 2²⁰, for schedules that ask for it.
    let private scaleByCount (factor: Schedule) =
        let unit = Math.ScaleB(1.0, 20)

        if not (usesCount factor) then
            without (fun count x _ -> Scaled.times (factor count) x)
        else
            {
                State =
                    fun _ ->
                        [
                            { Name = "missedCounts"; Shape = Shape.scalar; Initial = 0.0 }
                            { Name = "missedMillions"; Shape = Shape.scalar; Initial = 0.0 }
                        ]
                Update =
                    fun count x state _ ->
                        match state with
                        | [ ones; units ] ->
                            let missed = Expr.equal (count + 1.0) count
                            let next = ones + missed
                            let isFull = Expr.greaterOrEqual next (Expr.number unit)
                            let scaled = Scaled.times (factor (count + (unit * units + ones))) x
                            struct (scaled, [ Expr.select isFull (Expr.number 0.0) next; units + isFull ])
                        | _ -> unexpected state
                ForMatrices = None
            }

    /// schedule(count) · x.
    let scaleBySchedule (schedule: Schedule) = scaleByCount schedule

    /// −schedule(count) · x: gradients of a loss become updates that lower it.
    let scaleByLearningRate (schedule: Schedule) = scaleByCount (fun count -> -(schedule count))

    /// x · min(1, maximum / (‖x‖₂ + 10⁻⁶)), as PyTorch's `clip_grad_norm_` (Pascanu et al. 2013).
    let clipByGlobalNorm (maximum: float) =
        Guard.positiveNumber (nameof maximum) maximum

        without (fun _ x _ ->
            let factor = Expr.minimum (Expr.number 1.0) (maximum / (Scaled.norm x + 1e-6))
            Scaled.times factor x)

    /// Every element of x into [−maximum, maximum].
    let clipByValue (maximum: float) =
        Guard.positiveNumber (nameof maximum) maximum
        without (fun _ x _ -> Scaled.ofVector (Expr.clamp -maximum maximum (Scaled.toVector x)))

    /// x + decay · θ. Before the scaling by moments this is an L2 penalty; after it, decoupled weight decay (Loshchilov
    /// and Hutter 2019).
    let addDecayedWeights (decay: float) =
        Guard.notNegativeNumber (nameof decay) decay

        if decay = 0.0 then
            identity
        else
            without (fun _ x theta -> Scaled.ofVector (Scaled.toVector x + decay * theta))

    /// Momentum as in PyTorch's SGD: b ← momentum · b + (1 − dampening) · x (b = x at the first update); gives b, or
    /// x + momentum · b with Nesterov's look-ahead (Sutskever et al. 2013).
    let trace (momentum: float) (dampening: float) (nesterov: bool) =
        Guard.inRange (nameof momentum) 0.0 1.0 momentum
        Guard.inRange (nameof dampening) 0.0 1.0 dampening

        {
            State = fun n -> [ perParameter "trace" 0.0 n ]
            Update =
                fun count x state _ ->
                    match state with
                    | [ buffer ] ->
                        let share =
                            if dampening = 0.0 then
                                Expr.number 1.0
                            else
                                let isFirst = Expr.equal count (Expr.number 0.0)
                                Expr.select isFirst (Expr.number 1.0) (Expr.number (1.0 - dampening))

                        let buffer = Expr.flushToZero (momentum * buffer + Scaled.toVector (Scaled.times share x))

                        let update = if nesterov then Scaled.toVector x + momentum * buffer else buffer
                        struct (Scaled.ofVector update, [ buffer ])
                    | _ -> unexpected state
            ForMatrices = None
        }

    /// decay · average + (1 − decay) · x. Of parameters that get no gradient any more it becomes 0 in the end.
    let private averageOf (decay: float) (average: Expr) (x: Scaled) =
        Expr.flushToZero (decay * average + Scaled.toVector (Scaled.times (Expr.number (1.0 - decay)) x))

    /// decay · average + (1 − decay) · x².
    let private averageOfSquare (decay: float) (average: Expr) (x: Scaled) =
        let weight = Expr.number (1.0 - decay)
        let scale = Scaled.multiply weight (Scaled.multiply x.Scale x.Scale)
        decay * average + scale * Expr.square x.Direction

    /// 1 − decay^t at the update t = count + 1, without cancellation.
    let private biasCorrection (decay: float) (count: Expr) =
        if decay = 0.0 then
            Expr.number 1.0
        else
            -(Expr.expMinusOne ((count + 1.0) * Math.Log decay))

    /// Where nothing was ever averaged and ε is 0, the quotient 0/0 is the step 0.
    let private notZero (epsilon: float) (denominator: Expr) =
        if epsilon > 0.0 then
            denominator
        else
            Expr.select denominator denominator (Expr.number 1.0)

    let private requireDecay name decay =
        Guard.inRange name 0.0 1.0 decay

        if decay = 1.0 then
            Guard.fail name $"{name} is 1; it must be less than 1, or nothing new is ever averaged in."

    /// Adam's direction m̂ / (√v̂ + ε) with m ← β₁m + (1 − β₁)x, v ← β₂v + (1 − β₂)x², m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 −
    /// β₂ᵗ) (Kingma and Ba 2015); with `amsgrad`, v̂ is taken from the largest v so far (Reddi et al. 2018). Written as
    /// √(1 − β₂ᵗ)/(1 − β₁ᵗ) · m / (√v + ε√(1 − β₂ᵗ)), whose corrections are scalars. At float32 an element beyond 10¹⁹
    /// makes v infinite, after which its parameter rests: clip such elements first (`clipByValue`).
    let scaleByAdam (beta1: float) (beta2: float) (epsilon: float) (amsgrad: bool) =
        requireDecay (nameof beta1) beta1
        requireDecay (nameof beta2) beta2
        Guard.notNegativeNumber (nameof epsilon) epsilon

        {
            State =
                fun n ->
                    [
                        perParameter "firstMoment" 0.0 n
                        perParameter "secondMoment" 0.0 n
                        if amsgrad then perParameter "largestSecondMoment" 0.0 n
                    ]
            Update =
                fun count x state _ ->
                    match state with
                    | first :: second :: largest ->
                        let first = averageOf beta1 first x
                        let second = averageOfSquare beta2 second x
                        let largest = largest |> List.map (fun old -> Expr.maximum old second)
                        let root = Expr.sqrt (biasCorrection beta2 count)
                        let denominator = Expr.sqrt (List.head (largest @ [ second ])) + epsilon * root

                        let update =
                            {
                                Scale = root / biasCorrection beta1 count
                                Direction = first / notZero epsilon denominator
                            }

                        struct (update, first :: second :: largest)
                    | _ -> unexpected state
            ForMatrices = None
        }

    /// 1 − x / (eˣ − 1) for x > 0, without cancellation where x is small.
    let private bernoulliRemainder (x: Expr) =
        let square = Expr.square x
        let series = x / 2.0 - square / 12.0 + square * square / 720.0 - square * square * square / 30240.0
        let near = series + Expr.square (square * square) / 1209600.0
        let far = 1.0 - x / Expr.expMinusOne (Expr.maximum x (Expr.number 0.25))
        Expr.select (Expr.less x (Expr.number 0.25)) near far

    /// RAdam's direction: r m̂ / (√v / √(1 − β₂ᵗ) + ε / √(1 − β₂ᵗ)) with Adam's m̂ and v, and
    /// r = √((ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ)), ρ∞ = 2/(1 − β₂) − 1, ρ = ρ∞ − 2t β₂ᵗ/(1 − β₂ᵗ), where ρ > 5,
    /// and m̂ before (Liu et al. 2020): the first steps, of which v knows too little, are those of momentum. ε stands
    /// as in PyTorch. With β₂ ≤ ⅔ it is always m̂.
    let scaleByRAdam (beta1: float) (beta2: float) (epsilon: float) =
        requireDecay (nameof beta1) beta1
        requireDecay (nameof beta2) beta2
        Guard.notNegativeNumber (nameof epsilon) epsilon
        let limit = 2.0 / (1.0 - beta2) - 1.0

        {
            State = fun n -> [ perParameter "firstMoment" 0.0 n; perParameter "secondMoment" 0.0 n ]
            Update =
                fun count x state _ ->
                    match state with
                    | [ first; second ] ->
                        let first = averageOf beta1 first x
                        let second = averageOfSquare beta2 second x
                        let plain = Expr.reciprocal (biasCorrection beta1 count)

                        let update =
                            if limit <= 5.0 then
                                { Scale = plain; Direction = first }
                            else
                                // With h = −ln β₂: ρ∞ − 2t/(e^(ht) − 1) = (ρ∞ − 2/h) + 2/h (1 − ht/(e^(ht) − 1)).
                                let h = -(Math.Log beta2)
                                let offset = limit - 2.0 / h
                                let length = offset + 2.0 / h * bernoulliRemainder (h * (count + 1.0))
                                let isKnown = Expr.greater length (Expr.number 5.0)
                                let length = Expr.maximum length (Expr.number 5.0)
                                let share = limit / ((limit - 4.0) * (limit - 2.0))
                                let r = Expr.sqrt ((length - 4.0) * (length - 2.0) * share / length)
                                let root = Expr.sqrt (biasCorrection beta2 count)
                                let adaptive = first / notZero epsilon (Expr.sqrt second + epsilon)

                                {
                                    Scale = plain * Expr.select isKnown (r * root) (Expr.number 1.0)
                                    Direction = Expr.select isKnown adaptive first
                                }

                        struct (update, [ first; second ])
                    | _ -> unexpected state
            ForMatrices = None
        }

    /// Adamax: m̂ / u with u ← max(β₂u, |x| + ε) (Kingma and Ba 2015, section 7.1).
    let scaleByAdamax (beta1: float) (beta2: float) (epsilon: float) =
        requireDecay (nameof beta1) beta1
        requireDecay (nameof beta2) beta2
        Guard.notNegativeNumber (nameof epsilon) epsilon

        {
            State = fun n -> [ perParameter "firstMoment" 0.0 n; perParameter "infinityNorm" 0.0 n ]
            Update =
                fun count x state _ ->
                    match state with
                    | [ first; norm ] ->
                        let first = averageOf beta1 first x
                        let norm = Expr.maximum (beta2 * norm) (Expr.abs (Scaled.toVector x) + epsilon)

                        let update =
                            {
                                Scale = Expr.reciprocal (biasCorrection beta1 count)
                                Direction = first / notZero epsilon norm
                            }

                        struct (update, [ first; norm ])
                    | _ -> unexpected state
            ForMatrices = None
        }

    /// RMSprop's x / (√v + ε) with v ← αv + (1 − α)x² from `initial` (Tieleman and Hinton 2012). `centred` takes the
    /// variance v − m² instead of v, with m ← αm + (1 − α)x (Graves 2013); `insideRoot` divides by √(v + ε), as
    /// TensorFlow does. The variance is kept itself, as s ← αs + α(1 − α)(x − m)² with the m before: the same as v −
    /// m², but never negative and without cancellation.
    let scaleByRms (decay: float) (epsilon: float) (centred: bool) (insideRoot: bool) (initial: float) =
        requireDecay (nameof decay) decay
        Guard.notNegativeNumber (nameof epsilon) epsilon
        Guard.notNegativeNumber (nameof initial) initial

        {
            State =
                fun n ->
                    if centred then
                        [ perParameter "variance" initial n; perParameter "firstMoment" 0.0 n ]
                    else
                        [ perParameter "secondMoment" initial n ]
            Update =
                fun _ x state _ ->
                    match state with
                    | spread :: first ->
                        let variance =
                            match first with
                            | [ mean ] ->
                                let change = Scaled.toVector x - mean
                                decay * spread + decay * (1.0 - decay) * Expr.square change
                            | _ -> averageOfSquare decay spread x

                        let first = first |> List.map (fun old -> averageOf decay old x)

                        let denominator =
                            if insideRoot then
                                Expr.sqrt (variance + epsilon)
                            else
                                Expr.sqrt variance + epsilon

                        struct ({ x with Direction = x.Direction / notZero epsilon denominator }, variance :: first)
                    | _ -> unexpected state
            ForMatrices = None
        }

    /// Adagrad's x / (√s + ε) with s ← s + x² from `initial` (Duchi, Hazan and Singer 2011).
    let scaleByAdagrad (epsilon: float) (initial: float) =
        Guard.notNegativeNumber (nameof epsilon) epsilon
        Guard.notNegativeNumber (nameof initial) initial

        {
            State = fun n -> [ perParameter "sumOfSquares" initial n ]
            Update =
                fun _ x state _ ->
                    match state with
                    | [ sum ] ->
                        let sum = sum + Expr.square (Scaled.toVector x)
                        let denominator = Expr.sqrt sum + epsilon
                        struct ({ x with Direction = x.Direction / notZero epsilon denominator }, [ sum ])
                    | _ -> unexpected state
            ForMatrices = None
        }

    /// Adadelta's Δ = √(d + ε) / √(v + ε) · x with v ← ρv + (1 − ρ)x² and afterwards d ← ρd + (1 − ρ)Δ² (Zeiler 2012).
    let scaleByAdadelta (decay: float) (epsilon: float) =
        requireDecay (nameof decay) decay
        Guard.positiveNumber (nameof epsilon) epsilon

        {
            State = fun n -> [ perParameter "secondMoment" 0.0 n; perParameter "updateMoment" 0.0 n ]
            Update =
                fun _ x state _ ->
                    match state with
                    | [ second; delta ] ->
                        let second = averageOfSquare decay second x

                        let update =
                            Scaled.ofVector (Expr.sqrt ((delta + epsilon) / (second + epsilon)) * Scaled.toVector x)

                        struct (update, [ second; averageOfSquare decay delta update ])
                    | _ -> unexpected state
            ForMatrices = None
        }

    /// The transformations one after the other. State variables keep their names; a name that comes again gets a
    /// number.
    let rec chain (transforms: Transform list) : Transform =
        let states n = transforms |> List.map (fun transform -> transform.State n)

        let rename (variables: StateVariable list) =
            variables
            |> List.mapi (fun index variable ->
                let earlier =
                    variables
                    |> List.take index
                    |> List.filter (fun other -> other.Name = variable.Name)
                    |> List.length

                if earlier = 0 then
                    variable
                else
                    { variable with Name = $"{variable.Name}{earlier + 1}" })

        {
            State = fun n -> states n |> List.concat |> rename
            Update =
                fun count x state theta ->
                    let mutable x = x
                    let mutable rest = state
                    let results = ResizeArray<Expr>()

                    for transform in transforms do
                        let own = (transform.State theta.Count).Length
                        if rest.Length < own then unexpected state
                        let struct (next, newState) = transform.Update count x (List.take own rest) theta
                        x <- next
                        rest <- List.skip own rest
                        results.AddRange newState

                    if not rest.IsEmpty then unexpected state
                    struct (x, List.ofSeq results)
            ForMatrices =
                if transforms |> List.exists _.ForMatrices.IsSome then
                    Some(fun matrices ->
                        transforms
                        |> List.map (fun transform ->
                            match transform.ForMatrices with
                            | Some make -> make matrices
                            | None -> transform)
                        |> chain)
                else
                    None
        }
