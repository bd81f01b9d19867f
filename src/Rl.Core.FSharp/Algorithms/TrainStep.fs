/// Compiled train steps on θ or a part of it: forward, loss, gradient and optimiser as one program, whatever the loss.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Kernels
open Rl.Core.Networks
open Rl.Core.Optimisers

/// Neighbouring elements of θ, with the layout of the parameters that they are.
type internal Part = { First: int; Layout: Layout }

/// The parts of an actor and a critic that share no layer.
[<RequireQualifiedAccess>]
module internal Part =

    /// All of θ.
    let whole (network: ActorCritic) = { First = 0; Layout = ActorCritic.layout network }

    let private ofBlocks (isOwn: Block -> bool) (layout: Layout) =
        let blocks = layout.Blocks |> Seq.filter isOwn |> Seq.toArray
        let first = blocks[0].Offset

        {
            First = first
            Layout = Layout(blocks |> Array.map (fun block -> { block with Offset = block.Offset - first }))
        }

    let private isUnder (prefix: string) (block: Block) = block.Name.StartsWith(prefix + "/", StringComparison.Ordinal)

    /// The policy's elements, with those of its distribution.
    let actor (network: ActorCritic) = ofBlocks (isUnder "actor") (ActorCritic.layout network)

    /// The policy's elements that decide its most probable action: without a standard deviation.
    let mode (actor: Actor) =
        ofBlocks (fun block -> isUnder "actor" block && block.Name <> "actor/logStandardDeviation") (Actor.layout actor)

    /// The value function's elements.
    let critic (network: ActorCritic) = ofBlocks (isUnder "critic") (ActorCritic.layout network)

    /// The part's elements of θ.
    let elements (part: Part) (theta: float32[]) : Span<float32> = theta.AsSpan(part.First, part.Layout.Count)

/// What a loss is written in: the rows of one lane of the samples, and sums over the samples of all lanes.
type internal LossLane =
    {
        /// An input with all its rows.
        All: string -> Expr
        /// The lane's rows of something that has one for each sample.
        Own: Expr -> Expr
        Parameters: Parameters
        /// Learnt numbers beside the part of θ, by name.
        Extra: string -> Expr
        /// Of one number a row of the lane: its share of the mean over all samples.
        Mean: Expr -> Expr
        /// Of a number that depends on no lane: its share in the sum over lanes.
        Share: Expr -> Expr
    }

    /// The lane's rows of an input.
    member this.Rows(name: string) = this.Own(this.All name)

/// A train step for M samples: (θ, optimiser) ← optimiser(∇ loss). It may learn further numbers with the part of θ, such as
/// Lagrange multipliers; they lie before the optimiser's variables in the state. Not thread-safe.
[<Sealed>]
type internal TrainStep(part: Part, extra: StateVariable list, transform: Transform, source: ProgramSource) =
    let program = Program.compile<float32> source
    let outputs = source.Outputs |> List.map (fst >> program.OutputMemory) |> List.toArray
    let mutable runs = 0
    let mutable watched: struct (int64 * string) voption = ValueNone
    let extraCount = extra |> List.sumBy (fun variable -> Shape.count variable.Shape)
    let count = part.Layout.Count + extraCount
    let optimiser = Optimiser.state count transform
    let stateSize = extraCount + (optimiser |> List.sumBy (fun variable -> Shape.count variable.Shape))

    let eachVariable (action: string -> int -> int -> unit) =
        let mutable offset = extraCount

        for variable in optimiser do
            let size = Shape.count variable.Shape
            action ("optimiser." + variable.Name) offset size
            offset <- offset + size

    /// What the step keeps between updates, in the order of its numbers in a state.
    member _.Variables = extra @ optimiser
    /// How many numbers that is.
    member _.StateSize = stateSize
    member _.Program = program

    /// Takes over θ and, from `first` on, the step's numbers of a state.
    member _.Load(theta: float32[], state: float32[], first: int) =
        let target = program.Input "theta"
        (Part.elements part theta).CopyTo target
        state.AsSpan(first, extraCount).CopyTo(target.Slice part.Layout.Count)
        eachVariable (fun name offset size -> state.AsSpan(first + offset, size).CopyTo(program.Input name))

    /// Writes them back.
    member this.Store(theta: float32[], state: float32[], first: int) =
        let moved = program.Input "theta"

        if not (TrainingFailure.isFinite (Span.op_Implicit moved)) then
            raise (NonFiniteStep this)

        moved.Slice(0, part.Layout.Count).CopyTo(Part.elements part theta)
        moved.Slice(part.Layout.Count).CopyTo(state.AsSpan first)
        eachVariable (fun name offset size -> (program.Input name).CopyTo(state.AsSpan(first + offset, size)))

    /// Writes the chosen rows of a source [samples, width] into an input.
    member _.Gather(name: string, source: float32[], rows: ReadOnlySpan<int>) =
        let target = program.Input name
        Rows.gather (ReadOnlySpan source, target.Length / rows.Length, rows, target)

    /// Writes a whole input.
    member _.Set(name: string, values: float32[]) = program.Set(name, ReadOnlySpan values)

    /// Moves θ and the optimiser's variables on; raises `NonFiniteStep` if a number is not finite.
    member this.Run(workers: Workers) =
        let before = if watched.IsSome then TrainingFailure.inputs program else []
        runs <- runs + 1
        program.Run workers
        let mutable finite = true

        for output in outputs do
            finite <- finite && Single.IsFinite(output.Span[0])

        if watched.IsSome then
            finite <- finite && TrainingFailure.isFinite (Span.op_Implicit (program.Input "theta"))

            if not finite then
                let struct (update, algorithm) = watched.Value
                let noSample _ = struct (-1, -1)
                let noAxis _ = ValueNone
                raise (TrainingFailure.find algorithm update "train step" 0 runs source noAxis noSample before)
        elif not finite then
            raise (NonFiniteStep this)

    /// From the next run on, each is examined, and the first that makes a number that is not finite raises `TrainingFailure`.
    member _.Watch(algorithm: string, update: int64) =
        runs <- 0
        watched <- ValueSome(struct (update, algorithm))

    /// Runs are quick again.
    member _.Unwatch() = watched <- ValueNone

    member _.Scalar(name: string) = float (program.Scalar name)

/// A train step made a number that is not finite; doing the transition again with the step watched tells where.
and internal NonFiniteStep(step: TrainStep) =
    inherit Exception("A train step made a number that is not finite.")
    member _.Step = step

/// Building train steps from losses.
[<RequireQualifiedAccess>]
module internal TrainStep =

    /// The gradient of a loss, summed over lanes, and its metrics. Inputs: theta, and the rows [M, width] (width 0: [M]) that `inputs` names.
    let gradient
        (part: Part)
        (extra: StateVariable list)
        (m: int)
        (inputs: (string * int) list)
        (loss: LossLane -> Expr * (string * Expr) list)
        : struct (Expr * Expr * (string * Expr) list) =
        let extraCount = extra |> List.sumBy (fun variable -> Shape.count variable.Shape)
        let size = part.Layout.Count
        let theta = Expr.input "theta" [| size + extraCount |]

        let rows =
            inputs
            |> List.map (fun (name, width) -> name, Expr.input name (if width = 0 then [| m |] else [| m; width |]))
            |> Map.ofList

        let places =
            extra
            |> List.mapFold
                (fun offset variable ->
                    let next = offset + Shape.count variable.Shape

                    (variable.Name,
                     (fun (theta: Expr) -> Expr.slice 0 offset next theta |> Expr.reshape variable.Shape)),
                    next)
                size
            |> fst
            |> Map.ofList

        // The number of lanes depends on the samples alone, so that threads never change a result.
        let lanes = PpoStep.lanes m

        let parts =
            List.init lanes (fun lane ->
                let own (x: Expr) =
                    let rows = Expr.slice 0 (lane * m / lanes) ((lane + 1) * m / lanes) x
                    if lanes = 1 then rows else Expr.lane lane rows

                let loss, metrics =
                    loss
                        {
                            All = fun name -> rows[name]
                            Own = own
                            Parameters =
                                Parameters.create
                                    part.Layout
                                    (if extraCount = 0 then theta else Expr.slice 0 0 size theta)
                            Extra = fun name -> places[name] theta
                            Mean = fun x -> Expr.sum x * (1.0 / float m)
                            Share = fun x -> x * (1.0 / float lanes)
                        }

                (Diff.gradients loss [| theta |])[0], metrics)

        let gradient = parts |> List.map fst |> List.reduce (+)

        let metrics = parts |> List.map snd |> List.reduce (List.map2 (fun (name, a: Expr) (_, b: Expr) -> name, a + b))

        struct (theta, gradient, metrics)

    /// A step that also learns the numbers `extra`, after which `project` may put θ and them where they are allowed.
    let createWith
        (part: Part)
        (extra: StateVariable list)
        (transform: Transform)
        (m: int)
        (inputs: (string * int) list)
        (project: Expr -> Expr)
        (loss: LossLane -> Expr * (string * Expr) list)
        : TrainStep =
        let struct (theta, gradient, metrics) = gradient part extra m inputs loss
        let state = Optimiser.inputs "optimiser." theta.Count transform
        let struct (newTheta, newState) = Optimiser.update transform gradient state theta

        TrainStep(
            part,
            extra,
            transform,
            {
                Outputs = metrics @ [ "gradientNorm", Expr.sqrt (Expr.sum (Expr.square gradient)) ]
                Carried = (theta, project newTheta) :: List.zip state newState
            }
        )

    /// A step of `transform` along the gradient of a loss of M samples. Outputs: the loss's metrics and gradientNorm.
    let create part transform m inputs loss = createWith part [] transform m inputs id loss
