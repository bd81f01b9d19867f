/// The geometry of policies that NPG and TRPO share: gradients, Fisher-vector products and divergences over one
/// rollout, each a program.
namespace Rl.Core.Learning

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Objectives

/// Where a policy stands: what its surrogate climbs along, and how.
type internal NaturalStep =
    {
        /// g = ∇ mean(π/π_old · A) at π = π_old.
        Gradient: float[]
        /// x ≈ (F + damping · I)⁻¹ g.
        Direction: float[]
        /// xᵀ (F + damping · I) x.
        Curvature: float
        /// Mean entropy of the policy.
        Entropy: float
        /// ‖g − (F + damping · I) x‖ / ‖g‖.
        Residual: float
    }

/// The programs for one rollout's samples; θ is the policy's part here, everything else stays. Not thread-safe.
[<Sealed>]
type internal NaturalGradient
    (
        algorithm: string,
        network: ActorCritic,
        columns: RolloutColumns,
        samples: int,
        cgSteps: int,
        damping: float,
        workers: Workers
    ) =
    let part = Part.actor network
    let count = part.Layout.Count

    let conditions = columns.Conditions
    let outcomes = conditions @ [ columns.Actions; columns.OldLogProbabilities; columns.Advantages ]
    let outputs = PolicyOutputs(network, samples, workers)
    let theta = Expr.input "theta" [| count |]

    let parametersOf frozen theta =
        Parameters.create part.Layout (FrozenBlocks.stopGradients frozen part.First part.Layout theta)

    let batchesOf frozen = LaneSums.batches (SampleShape.steps samples) [ "actor", parametersOf frozen theta ]

    let mean (x: Expr) = Expr.sum x * (1.0 / float samples)
    let policy batch = Forward.policy network columns batch

    let surrogate (batch: Batch) output =
        let struct (logProbability, entropy) = Policy.evaluate network.Head output batch[columns.Actions]
        let ratio = PolicyGradients.ratio logProbability batch[columns.OldLogProbabilities]
        struct (mean (ratio * batch[columns.Advantages]), mean entropy)

    let sourceOf outputs : ProgramSource = { Outputs = outputs; Carried = [] }

    /// g, the surrogate and the entropy at θ.
    let gradientSourceOf frozen =
        let lanes =
            batchesOf frozen
            |> List.map (fun batch ->
                let struct (surrogate, entropy) = surrogate batch (policy batch)
                (Diff.gradients surrogate [| theta |])[0], surrogate, entropy)

        let total (f: Expr * Expr * Expr -> Expr) = lanes |> List.map f |> List.reduce (+)

        sourceOf
            [
                "gradient", total (fun (gradient, _, _) -> gradient)
                "surrogate", total (fun (_, surrogate, _) -> surrogate)
                "entropy", total (fun (_, _, entropy) -> entropy)
            ]

    /// (F + damping · I) v: the derivative of the mean divergence from the policy itself, twice.
    let fisherSourceOf frozen =
        let direction = Expr.input "direction" [| count |]

        let product (batch: Batch) =
            let divergence theta =
                let output =
                    ActorCritic.actor network (parametersOf frozen theta) batch[columns.Observations]
                    |> Forward.masked network columns batch

                let old =
                    { output with
                        Policy = Expr.stopGradient output.Policy
                        LogStandardDeviation = output.LogStandardDeviation |> Option.map Expr.stopGradient
                    }

                mean (Divergence.kl network.Head old output)

            TrustRegion.fisherVectorProduct 0.0 divergence theta direction

        sourceOf [ "product", LaneSums.sum product (batchesOf frozen) + damping * direction ]

    let mutable frozen: FrozenBlock list = []
    let mutable gradientSource = gradientSourceOf frozen
    let mutable fisherSource = fisherSourceOf frozen
    let mutable gradient = Program.compile<float32> gradientSource
    let mutable fisher = Program.compile<float32> fisherSource

    /// Compiles for other frozen blocks.
    let freeze (blocks: FrozenBlock list) =
        if blocks <> frozen then
            frozen <- blocks
            gradientSource <- gradientSourceOf frozen
            fisherSource <- fisherSourceOf frozen
            gradient <- Program.compile<float32> gradientSource
            fisher <- Program.compile<float32> fisherSource

    /// The surrogate and the mean divergence from the old policy at any θ.
    let evaluation =
        let parts =
            batchesOf []
            |> List.map (fun batch ->
                let output = policy batch
                let struct (surrogate, _) = surrogate batch output
                let old = Divergence.ofColumns network.Head batch |> Forward.masked network columns batch
                surrogate, mean (Divergence.kl network.Head old output))

        Program.ofOutputs<float32>
            [
                "surrogate", parts |> List.map fst |> List.reduce (+)
                "divergence", parts |> List.map snd |> List.reduce (+)
            ]

    let asFloats (values: ReadOnlySpan<float32>) = values.ToArray() |> Array.map float
    let asSingles (values: float[]) = Array.map float32 values

    /// Where all is frozen a program reads nothing.
    let set (program: Program<float32>) (name: string) (values: ReadOnlySpan<float32>) =
        if program.HasInput name then program.Set(name, values)

    let load (data: Samples) (theta: float32[]) =
        let own = Part.elements part theta
        gradient.Set("theta", Span.op_Implicit own)
        set fisher "theta" (Span.op_Implicit own)

        for column in conditions do
            set fisher column.Name (ReadOnlySpan data[column])

        for column in outcomes do
            gradient.Set(column.Name, ReadOnlySpan data[column])
            evaluation.Set(column.Name, ReadOnlySpan data[column])

        // The old policy's outputs, computed once.
        let struct (oldOutputs, oldDeviation) = Divergence.columns network.Head
        let old = Array.zeroCreate<float32>(samples * outputs.Width)
        outputs.Run(theta, ReadOnlySpan data[columns.Observations], Span old)
        evaluation.Set(oldOutputs.Name, ReadOnlySpan old)

        if oldDeviation.Width > 0 then
            evaluation.Set(oldDeviation.Name, ReadOnlySpan(outputs.LogStandardDeviation theta))

    /// An output of a program that has run; raises `TrainingFailure` where it is not finite.
    let finite (data: Samples) update step (source: ProgramSource) (program: Program<float32>) (output: string) =
        let values = program.Output output

        if not (TrainingFailure.isFinite values) then
            let sampleAxis name = if name = "theta" || name = "direction" then ValueNone else ValueSome 0
            let inputs = TrainingFailure.inputs program
            raise (TrainingFailure.find algorithm update step 0 1 source sampleAxis data.Place inputs)

        asFloats values

    let multiply data update (direction: float[]) =
        fisher.Set("direction", ReadOnlySpan(asSingles direction))
        fisher.Run workers
        finite data update "Fisher-vector product" fisherSource fisher "product"

    let dot (a: float[]) (b: float[]) = Array.fold2 (fun total x y -> total + x * y) 0.0 a b

    /// The policy's part of θ.
    member _.Part = part

    /// The natural direction of a rollout's samples at the θ that collected it, these blocks frozen. Without a gradient
    /// the direction is 0. `TrainingFailure`, with the number of the update, where a gradient or a product is not
    /// finite.
    member _.Solve(update: int64, blocks: FrozenBlock list, data: Samples, theta: float32[]) : NaturalStep =
        freeze blocks
        load data theta
        gradient.Run workers
        let g = finite data update "policy gradient" gradientSource gradient "gradient"
        let multiply = multiply data update
        let norm = sqrt (dot g g)

        if norm = 0.0 then
            {
                Gradient = g
                Direction = g
                Curvature = 0.0
                Entropy = float (gradient.Scalar "entropy")
                Residual = 0.0
            }
        else
            // Products of float32 know no more than this.
            let solved = TrustRegion.conjugateGradientWithin 1e-6 cgSteps multiply g

            {
                Gradient = g
                Direction = solved.Solution
                Curvature = dot solved.Solution (multiply solved.Solution)
                Entropy = float (gradient.Scalar "entropy")
                Residual = Array.last solved.ResidualNorms / norm
            }

    /// struct (surrogate, mean KL(π_old ‖ π)) of the policy with the given part of θ, after `Solve`.
    member _.Evaluate(policy: float[]) : struct (float * float) =
        evaluation.Set("theta", ReadOnlySpan(asSingles policy))
        evaluation.Run workers
        struct (float (evaluation.Scalar "surrogate"), float (evaluation.Scalar "divergence"))

    /// The policy's part of θ as numbers.
    member _.Policy(theta: float32[]) : float[] = asFloats (Span.op_Implicit (Part.elements part theta))

    /// Writes a policy's part into θ, but for what was frozen at the last `Solve`.
    member _.Write(policy: float[], theta: float32[]) =
        let moved = asSingles policy
        FrozenBlocks.keep frozen part.First part.Layout (Span.op_Implicit (Part.elements part theta)) (Span moved)
        moved.CopyTo(Part.elements part theta)
