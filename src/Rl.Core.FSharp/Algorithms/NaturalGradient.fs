/// The geometry of policies that NPG and TRPO share: gradients, Fisher-vector products and divergences over one rollout, each a program.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Autodiff
open Rl.Core.Environments
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
        environment: BatchEnvironment,
        samples: int,
        cgSteps: int,
        damping: float,
        workers: Workers
    ) =
    let part = Part.actor network
    let count = part.Layout.Count

    let columns =
        OnPolicy.columns environment [ "observations"; "actions"; "masks"; "oldLogProbabilities"; "advantages" ]

    /// What a policy is computed from, without what it did.
    let conditions = OnPolicy.columns environment [ "observations"; "masks" ]
    let outputs = PolicyOutputs(network, samples, workers)
    let theta = Expr.input "theta" [| count |]
    let lanes = PpoStep.lanes samples
    let mean (x: Expr) = Expr.sum x * (1.0 / float samples)

    let inLane lane (x: Expr) =
        let rows = Expr.slice 0 (lane * samples / lanes) ((lane + 1) * samples / lanes) x
        if lanes = 1 then rows else Expr.lane lane rows

    /// The inputs of those names, by name: the rows of a lane.
    let inputs names =
        let all =
            OnPolicy.inputs environment network names
            |> List.map (fun (name, width) ->
                name, Expr.input name (if width = 0 then [| samples |] else [| samples; width |]))
            |> Map.ofList

        fun lane name -> inLane lane all[name]

    let overLanes (f: int -> Expr) = List.init lanes f |> List.reduce (+)

    let policy theta rows =
        ActorCritic.actor network (Parameters.create part.Layout theta) (rows "observations")
        |> OnPolicy.masked environment network rows

    let sourceOf outputs : ProgramSource = { Outputs = outputs; Carried = [] }

    /// g, the surrogate and the entropy at θ.
    let gradientSource =
        let struct (_, gradient, metrics) =
            TrainStep.gradient part [] samples (OnPolicy.inputs environment network columns) (fun lane ->
                let output = OnPolicy.policy environment network lane
                let struct (logProbability, entropy) = Policy.evaluate network.Head output (lane.Rows "actions")
                let ratio = PolicyGradients.ratio logProbability (lane.Rows "oldLogProbabilities")
                let surrogate = lane.Mean(ratio * lane.Rows "advantages")
                surrogate, [ "surrogate", surrogate; "entropy", lane.Mean entropy ])

        sourceOf (("gradient", gradient) :: metrics)

    /// (F + damping · I) v: the derivative of the mean divergence from the policy itself, twice.
    let fisherSource =
        let inputs = inputs conditions
        let direction = Expr.input "direction" [| count |]

        let product lane =
            let divergence theta =
                let output = policy theta (inputs lane)

                let old =
                    { output with
                        Policy = Expr.stopGradient output.Policy
                        LogStandardDeviation = output.LogStandardDeviation |> Option.map Expr.stopGradient
                    }

                mean (Divergence.kl network.Head old output)

            TrustRegion.fisherVectorProduct 0.0 divergence theta direction

        sourceOf [ "product", overLanes product + damping * direction ]

    let gradient, fisher = Program.compile<float32> gradientSource, Program.compile<float32> fisherSource

    /// The surrogate and the mean divergence from the old policy at any θ.
    let evaluation =
        let inputs = inputs columns
        let oldOutputs = Expr.input "oldOutputs" [| samples; outputs.Width |]

        let parts =
            List.init lanes (fun lane ->
                let rows = inputs lane
                let output = policy theta rows
                let struct (logProbability, _) = Policy.evaluate network.Head output (rows "actions")
                let ratio = PolicyGradients.ratio logProbability (rows "oldLogProbabilities")
                let old = Divergence.ofData network.Head (inLane lane oldOutputs)
                let old = OnPolicy.masked environment network rows old
                mean (ratio * rows "advantages"), mean (Divergence.kl network.Head old output))

        Program.ofOutputs<float32>
            [
                "surrogate", parts |> List.map fst |> List.reduce (+)
                "divergence", parts |> List.map snd |> List.reduce (+)
            ]

    let asFloats (values: ReadOnlySpan<float32>) = values.ToArray() |> Array.map float
    let asSingles (values: float[]) = Array.map float32 values

    let load (rollout: CreditedRollout) (advantages: float32[]) (theta: float32[]) =
        let own = Part.elements part theta
        gradient.Set("theta", Span.op_Implicit own)
        fisher.Set("theta", Span.op_Implicit own)

        for name in conditions do
            fisher.Set(name, ReadOnlySpan(rollout.Column name))

        for name in columns do
            let values = if name = "advantages" then advantages else rollout.Column name
            gradient.Set(name, ReadOnlySpan values)
            evaluation.Set(name, ReadOnlySpan values)

        // The old policy's outputs, computed once.
        let old = Array.zeroCreate<float32>(samples * outputs.Width)
        outputs.Run(theta, ReadOnlySpan rollout.Rollout.Observations, Span old)
        evaluation.Set("oldOutputs", ReadOnlySpan old)
        Divergence.setDeviation evaluation (outputs.LogStandardDeviation theta)

    /// An output of a program that has run; raises `TrainingFailure` where it is not finite.
    let finite update step (source: ProgramSource) (program: Program<float32>) (output: string) =
        let values = program.Output output

        if not (TrainingFailure.isFinite values) then
            let sampleAxis name = if name = "theta" || name = "direction" then ValueNone else ValueSome 0
            let sample row = struct (row / environment.Count, row % environment.Count)
            let inputs = TrainingFailure.inputs program
            raise (TrainingFailure.find algorithm update step 0 1 source sampleAxis sample inputs)

        asFloats values

    let multiply update (direction: float[]) =
        fisher.Set("direction", ReadOnlySpan(asSingles direction))
        fisher.Run workers
        finite update "Fisher-vector product" fisherSource fisher "product"

    let dot (a: float[]) (b: float[]) = Array.fold2 (fun total x y -> total + x * y) 0.0 a b

    /// The policy's part of θ.
    member _.Part = part

    /// The natural direction of a rollout at the θ that collected it. Without a gradient the direction is 0. `TrainingFailure`, with the number of
    /// the update, where a gradient or a product is not finite.
    member _.Solve(update: int64, rollout: CreditedRollout, advantages: float32[], theta: float32[]) : NaturalStep =
        load rollout advantages theta
        gradient.Run workers
        let g = finite update "policy gradient" gradientSource gradient "gradient"
        let multiply = multiply update
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

    /// Writes a policy's part into θ.
    member _.Write(policy: float[], theta: float32[]) = (asSingles policy).CopyTo(Part.elements part theta)
