/// The groups that an update moves and the terms of the loss that it moves them along.
namespace Rl.Core.Learning

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Optimisers

/// Neighbouring elements of θ, with the layout of the parameters that they are.
type Part = { First: int; Layout: Layout }

/// The parts of an actor and a critic.
[<RequireQualifiedAccess>]
module Part =

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

    /// The policy's elements that are not shared, with those of its distribution.
    let actor (network: ActorCritic) = ofBlocks (isUnder "actor") (ActorCritic.layout network)

    /// The policy's elements that decide its most probable action: without a standard deviation.
    let mode (actor: Actor) =
        ofBlocks (fun block -> isUnder "actor" block && block.Name <> "actor/logStandardDeviation") (Actor.layout actor)

    /// The value function's elements that are not shared.
    let critic (network: ActorCritic) = ofBlocks (isUnder "critic") (ActorCritic.layout network)

    let private within (isOwn: Block -> bool) (part: Part) =
        let own = ofBlocks isOwn part.Layout
        { own with First = part.First + own.First }

    /// Of a part whose network normalises over batches what is learned, which comes first.
    let weights (part: Part) = within (fun block -> not (BatchRenormalisation.isStatistic block)) part

    /// Of such a part what its normalisations carry.
    let statistics (part: Part) = within BatchRenormalisation.isStatistic part

    /// The part's elements of θ.
    let elements (part: Part) (theta: float32[]) : Span<float32> = theta.AsSpan(part.First, part.Layout.Count)

/// Where the numbers of a group are kept.
[<RequireQualifiedAccess>]
type GroupPlace =
    /// Elements of θ from this one on.
    | Theta of first: int
    /// An array of the state, called as the group is, which starts with these numbers: what only learning needs, such
    /// as multipliers.
    | Array of initial: float32[]

/// What becomes of a group in an update.
[<RequireQualifiedAccess>]
type GroupMotion =
    /// An optimiser moves it along its gradient. Groups that name one optimiser share its variables.
    | Learns of optimiser: string * transform: Transform
    /// It follows another group of the update: θ̄ ← θ̄ + rate · (θ − θ̄), with the new θ (Polyak averaging).
    | Follows of group: string * rate: float
    /// It becomes the numbers of the term of its name (`Term.becomes`), such as statistics of the samples.
    | Becomes
    /// It stays, and the loss may read it.
    | Stays

/// Named neighbouring numbers that an update reads and moves together.
type ParameterGroup =
    {
        /// Unique in an update, such as "actor".
        Name: string
        /// The names and shapes of its numbers.
        Layout: Layout
        /// Where they are kept.
        Place: GroupPlace
        /// What becomes of them.
        Motion: GroupMotion
        /// Puts moved numbers back where they are allowed, such as above 0.
        Project: (Expr -> Expr) option
    }

/// Building groups.
[<RequireQualifiedAccess>]
module ParameterGroup =

    /// A part of θ.
    let ofPart (name: string) (part: Part) (motion: GroupMotion) : ParameterGroup =
        {
            Name = name
            Layout = part.Layout
            Place = GroupPlace.Theta part.First
            Motion = motion
            Project = None
        }

    /// Numbers beside θ, kept in the state under the group's name.
    let beside (name: string) (variables: StateVariable list) (motion: GroupMotion) : ParameterGroup =
        let add layout (variable: StateVariable) =
            Layout.add variable.Name variable.Shape (Initialiser.Constant variable.Initial) layout

        {
            Name = name
            Layout = List.fold add Layout.empty variables
            Place =
                GroupPlace.Array
                    [|
                        for variable in variables do
                            yield! Array.create (Shape.count variable.Shape) (float32 variable.Initial)
                    |]
            Motion = motion
            Project = None
        }

    /// Numbers beside θ with the layout of a part of it, kept in the state under the group's name: a target network.
    /// They start as zeros; the learner makes them copies.
    let target (name: string) (layout: Layout) (motion: GroupMotion) : ParameterGroup =
        {
            Name = name
            Layout = layout
            Place = GroupPlace.Array(Array.zeroCreate layout.Count)
            Motion = motion
            Project = None
        }

    /// The groups of an actor-critic network: "network" where actor and critic share parameters, else "actor" and
    /// "critic", which two threads then move independently; both by one optimiser.
    let ofNetwork (network: ActorCritic) (motion: GroupMotion) : ParameterGroup list =
        if network.IsShared then
            [ ofPart "network" (Part.whole network) motion ]
        else
            [ ofPart "actor" (Part.actor network) motion; ofPart "critic" (Part.critic network) motion ]

/// How the numbers of a term become one.
[<RequireQualifiedAccess>]
type TermKind =
    /// The mean over all samples.
    | Mean
    /// The sum over all samples, which bring their own weights.
    | Sum
    /// It is one number, which belongs to no sample.
    | Once
    /// The mean over all samples, only to be reported: it may be infinite while the update is sound.
    | Reported
    /// One number, only to be reported.
    | ReportedOnce
    /// All the numbers, a sample's each, only to be read (`Update.Each`).
    | Each
    /// The new numbers of a group.
    | Becomes

/// A term of a loss: what is minimised is the sum of the terms, each times its weight.
type Term =
    {
        /// What reports call it.
        Name: string
        /// What the term counts for in the loss.
        Weight: float
        /// How the numbers become one.
        Kind: TermKind
        /// [rows of the lane], or one number for `Once`, or the numbers of a group.
        PerSample: Expr
    }

/// Terms by their kind.
[<RequireQualifiedAccess>]
module Term =

    let private create kind name weight value = { Name = name; Weight = weight; Kind = kind; PerSample = value }

    /// weight · mean of x over all samples.
    let mean (name: string) (weight: float) (x: Expr) = create TermKind.Mean name weight x
    /// weight · Σ x over all samples.
    let sum (name: string) (weight: float) (x: Expr) = create TermKind.Sum name weight x
    /// weight · x, for a number that depends on parameters and on whole columns only.
    let once (name: string) (weight: float) (x: Expr) = create TermKind.Once name weight x
    /// The mean of x, reported and nothing else.
    let report (name: string) (x: Expr) = create TermKind.Reported name 0.0 x
    /// A number that belongs to no sample, reported and nothing else.
    let reportOnce (name: string) (x: Expr) = create TermKind.ReportedOnce name 0.0 x
    /// A number of every sample, read with `Update.Each` and nothing else, such as the errors that priorities follow.
    let each (name: string) (x: Expr) = create TermKind.Each name 0.0 x

    /// The new numbers of the group of this name, whose motion is `GroupMotion.Becomes`; they may depend on all
    /// samples, which therefore must not be cut (`SampleShape.wholeBatch`).
    let becomes (group: string) (x: Expr) = create TermKind.Becomes group 0.0 x

    /// The prefix of the inputs that stand for values of terms.
    [<Literal>]
    let internal ValuePrefix = "value of "

    /// The value of the term of this name, for the transformation of an optimiser to read: the number that the update
    /// reports.
    let value (name: string) : Expr = Expr.input (ValuePrefix + name) Shape.scalar

    /// Whether the term is no part of what is minimised.
    let isReport (term: Term) =
        term.Kind.IsReported || term.Kind.IsReportedOnce || term.Kind.IsEach || term.Kind.IsBecomes
