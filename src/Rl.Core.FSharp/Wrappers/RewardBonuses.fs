/// Wrappers that add a bonus for what is new to rewards: by counting, and by what a network cannot predict yet.
namespace Rl.Core.Wrappers

open System
open Rl.Core.Foundations
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// A bonus on the reward of each step, for the observation that it led to. What was seen is shared by all copies.
/// Frozen, as in evaluations, it adds nothing and learns nothing.
[<AbstractClass>]
type internal RewardBonus(wrapper: Wrapper, inner: BatchEnvironment) as this =
    inherit WrappedBatch(wrapper, inner, None, None)
    let frozen = this.Remember [| 0 |]
    let bonuses = Array.zeroCreate<float> inner.Count

    /// The bonus of each copy's step, to be written by `Learn` or by `EndLearning`.
    member _.Bonuses = bonuses
    /// Takes in the observation that a copy's step led to.
    abstract Learn: copy: int * observation: ReadOnlySpan<float32> -> unit
    override _.IsCoupled = frozen[0] = 0 || inner.IsCoupled
    override _.CopyBytes = Error $"{wrapper} learns from all copies together"

    override _.RestoreStatistics(statistics, isFrozen) =
        inner.RestoreStatistics(statistics, isFrozen)
        frozen[0] <- if isFrozen then 1 else 0

    override this.LearnOutcome(copy, observation) = if frozen[0] = 0 then this.Learn(copy, observation)
    override _.OnStepReward(copy, reward) = if frozen[0] = 1 then reward else reward + bonuses[copy]

/// Numbers for the observations of a space.
[<RequireQualifiedAccess>]
module internal ObservationCells =

    /// Cells of the largest table.
    [<Literal>]
    let Most = 1_048_576

    /// The number of cells of counts, one after the other.
    let private total (wrapper: Wrapper) (counts: int[]) =
        let cells = counts |> Array.fold (fun cells count -> min (cells * int64 count) (int64 Int32.MaxValue)) 1L

        if cells > int64 Most then
            Guard.fail "bins" $"{wrapper} would count {cells} cells or more; there may be {Most}: use fewer bins."

        int cells

    /// struct (the number of cells, the cell of an observation): values of integers and bits, bins of equal width of
    /// boxes.
    let ofSpace (wrapper: Wrapper) (bins: int[]) (space: Space) : struct (int * (ReadOnlyMemory<float32> -> int)) =
        let joined (counts: int[]) (digit: float32 -> int -> int) =
            let cells = total wrapper counts

            struct (cells,
                    fun (observation: ReadOnlyMemory<float32>) ->
                        let values = observation.Span
                        let mutable cell = 0

                        for i in 0 .. counts.Length - 1 do
                            cell <- cell * counts[i] + digit values[i] i

                        cell)

        let withoutBins cells =
            if bins.Length > 0 then
                Guard.fail "bins" $"bins are for boxes; {wrapper} counts each value of {space}: leave them out."

            cells

        match space with
        | Space.Discrete(count, start) -> withoutBins (joined [| count |] (fun value _ -> int value - start))
        | Space.MultiDiscrete(counts, starts) -> withoutBins (joined counts (fun value i -> int value - starts[i]))
        | Space.MultiBinary _ -> withoutBins (joined (Array.create space.Size 2) (fun value _ -> int value))
        | Space.Box _ ->
            let struct (low, high, counts, _) = ObservationWrappers.bins "CountBonus" bins true space

            joined counts (fun value i ->
                let cell = Math.Floor((float value - low[i]) / (high[i] - low[i]) * float counts[i])
                int (Math.Clamp(cell, 0.0, float (counts[i] - 1))))
        | Space.Tuple _
        | Space.Dict _ ->
            Guard.fail
                (nameof wrapper)
                $"{wrapper} cannot wrap {space}; put FlattenObservation or FilterObservation below it."

/// reward + β / √n of the cell of the observation that a step led to, this time included.
[<Sealed>]
type internal CountBonus(wrapper: Wrapper, inner: BatchEnvironment, scale: float, bins: int[]) as this =
    inherit RewardBonus(wrapper, inner)
    let struct (cells, cellOf) = ObservationCells.ofSpace wrapper bins inner.ObservationSpace
    let counts = this.Remember(Array.zeroCreate<int> cells)
    let row = Array.zeroCreate<float32> inner.ObservationSize

    override this.Learn(copy, observation) =
        observation.CopyTo(Span row)
        let cell = cellOf (ReadOnlyMemory row)
        counts[cell] <- min (Int32.MaxValue - 1) counts[cell] + 1
        this.Bonuses[copy] <- Exploration.countBonus scale (float counts[cell])

/// The networks of random network distillation (Burda, Edwards, Storkey and Klimov, "Exploration by random network
/// distillation", 2018).
type Distillation =
    {
        /// Fixed: one hidden layer.
        Target: Mlp
        /// Learns to say what the target says: two hidden layers.
        Predictor: Mlp
        /// θ of the target.
        TargetStart: float[]
        /// θ of the predictor, before anything is learned.
        PredictorStart: float[]
    }

/// Building them, and what they make of observations.
[<RequireQualifiedAccess>]
module Distillation =

    /// Hidden layers and outputs of `width`, orthogonal starts of gain √2, rectifiers. Everything follows from the key.
    let create (inputs: int) (width: int) (key: Rng) : Distillation =
        let layers hidden = { Mlp.create Initialiser.rootTwo inputs hidden width with Activation = Activation.Relu }

        let target, predictor = layers [ width ], layers [ width; width ]
        let struct (ofTarget, ofPredictor) = Rng.split key
        let struct (targetStart, _) = Layout.initialise ofTarget (Mlp.layout target)
        let struct (predictorStart, _) = Layout.initialise ofPredictor (Mlp.layout predictor)

        {
            Target = target
            Predictor = predictor
            TargetStart = targetStart
            PredictorStart = predictorStart
        }

    /// What the predictor of parameters θ does not know of observations [rows, inputs]: mean (f̂(x) − f(x))² [rows],
    /// over the outputs.
    let errors (networks: Distillation) (theta: Expr) (observations: Expr) : Expr =
        let fixed' = Expr.constant (Tensor.vector networks.TargetStart)
        let known = Mlp.apply networks.Target (Parameters.create (Mlp.layout networks.Target) fixed') observations
        let said = Mlp.apply networks.Predictor (Parameters.create (Mlp.layout networks.Predictor) theta) observations
        Expr.meanOver [| -1 |] (Expr.square (said - Expr.stopGradient known))

/// reward + β e / σ with the error e of a predictor that learns what a fixed random network says of observations, and
/// the running deviation σ of the discounted sums of e, which go on over episodes; e / σ is at most 5. Observations are
/// normalised by running statistics and clipped to ± 5. After each vector step the predictor takes one step of Adam
/// along the mean error of what the copies saw.
[<Sealed>]
type internal DistillationBonus
    (wrapper: Wrapper, inner: BatchEnvironment, scale: float, learningRate: float, width: int, seed: int) as this =
    inherit RewardBonus(wrapper, inner)

    // Of intrinsic rewards, as the authors have it.
    let discount = 0.99
    // Of normalised observations, as the authors have it, and of bonuses over β: the first deviations are small.
    let limit = 5.0
    let copies = inner.Count
    let space = inner.ObservationSpace
    let inputs = Space.encodedSize space
    let networks = Distillation.create inputs width (Rng.create (uint64 seed))
    let observed, sums = Learned inputs, Learned 1
    let returns = this.Remember(Array.zeroCreate<float> copies)
    let seen = Array.zeroCreate<float32>(copies * inputs)
    // 1 for copies that have stepped.
    let stepped = Array.zeroCreate<float32> copies
    let mutable isNew = false

    let program =
        let count = networks.PredictorStart.Length
        let adam = Optimiser.adam (Schedule.constant learningRate) 1e-8
        let theta = Expr.input "theta" [| count |]
        let weights = Expr.input "stepped" [| copies |]
        let errors = Distillation.errors networks theta (Expr.input "observations" [| copies; inputs |])
        let loss = Expr.sum (weights * errors) / Expr.sum weights
        let state = Optimiser.inputs "" count adam
        let gradient = (Diff.gradients loss [| theta |])[0]
        let struct (next, nextState) = Optimiser.update adam gradient state theta

        let program =
            Program.compile<float32>
                { Outputs = [ "errors", errors ]; Carried = (theta, next) :: List.zip state nextState }

        for variable in Optimiser.state count adam do
            (program.Input variable.Name).Fill(float32 variable.Initial)
            this.RememberMemory(program.InputMemory variable.Name)

        program.Set("theta", ReadOnlySpan(Array.map float32 networks.PredictorStart))
        this.RememberMemory(program.InputMemory "theta")

        for array in observed.Arrays @ sums.Arrays do
            this.Remember array |> ignore

        program

    let observations, errors = program.InputMemory "observations", program.OutputMemory "errors"

    let normalise () =
        let target = observations.Span

        for i in 0 .. inputs - 1 do
            let mean = observed.Mean[i]
            let size = 1.0 / Math.Sqrt(observed.Variance i + 1e-8)

            for copy in 0 .. copies - 1 do
                let index = copy * inputs + i
                target[index] <- float32 (Math.Clamp((float seen[index] - mean) * size, -limit, limit))

    override _.Learn(copy, observation) =
        let row = Span(seen, copy * inputs, inputs)
        Space.encode space observation row

        for i in 0 .. inputs - 1 do
            observed.Add(i, float row[i])

        observed.EndRow()
        stepped[copy] <- 1.0f
        isNew <- true

    override this.EndLearning() =
        if isNew then
            observed.Join()
            normalise ()
            program.Set("stepped", ReadOnlySpan stepped)
            program.Run()

            for copy in 0 .. copies - 1 do
                if stepped[copy] = 1.0f then
                    let error = float errors.Span[copy]

                    if not (Double.IsFinite error) then
                        Guard.fail
                            "learningRate"
                            $"{wrapper} has a predictor whose error is {error}; use a lower learningRate."

                    returns[copy] <- discount * returns[copy] + error
                    sums.Add(0, returns[copy])
                    sums.EndRow()

            sums.Join()
            let deviation = Math.Sqrt(sums.Variance 0 + 1e-8)

            for copy in 0 .. copies - 1 do
                if stepped[copy] = 1.0f then
                    this.Bonuses[copy] <- scale * Math.Min(limit, float errors.Span[copy] / deviation)

            Array.Clear stepped
            isNew <- false
