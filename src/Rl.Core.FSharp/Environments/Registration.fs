/// What the registry knows of an environment: its id, its keywords and how it is made.
namespace Rl.Core.Environments

open System.Globalization
open System
open Rl.Core.Foundations

/// What is to be done with an environment whatever its state is: a function for all `'State`.
type IEnvironmentVisitor<'Result> =
    /// What to do with an environment of any state's type.
    abstract Visit<'State
        when 'State: unmanaged and 'State: struct and 'State: (new: unit -> 'State) and 'State :> ValueType> :
        environment: IEnvironment<'State> -> 'Result

/// A pure environment whose state's type is hidden, so that environments of any state fit in one list.
[<AbstractClass>]
type AnyEnvironment() =
    /// The registered id.
    abstract Id: string
    /// What is observed.
    abstract ObservationSpace: Space
    /// What can be done.
    abstract ActionSpace: Space
    /// The number of steps after which an episode is truncated; 0 for no limit.
    abstract MaxEpisodeSteps: int
    /// The mean episode return that counts as solved; NaN for none.
    abstract RewardThreshold: float
    /// A batch of `count` copies; `maxEpisodeSteps` replaces the environment's limit (0: none).
    abstract Vectorise: count: int * maxEpisodeSteps: int -> BatchEnvironment
    /// Runs the visitor with the typed environment.
    abstract Accept: visitor: IEnvironmentVisitor<'Result> -> 'Result
    /// A batch of `count` copies with the environment's own time limit.
    member this.Vectorise(count: int) = this.Vectorise(count, this.MaxEpisodeSteps)

    /// Hides the state's type.
    static member Pack(environment: IEnvironment<'State>) =
        { new AnyEnvironment() with
            member _.Id = environment.Id
            member _.ObservationSpace = environment.ObservationSpace
            member _.ActionSpace = environment.ActionSpace
            member _.MaxEpisodeSteps = environment.MaxEpisodeSteps
            member _.RewardThreshold = environment.RewardThreshold
            member _.Vectorise(count: int, maxEpisodeSteps: int) = Vectorised(environment, count, maxEpisodeSteps)
            member _.Accept visitor = visitor.Visit environment
        }

/// The value of a keyword such as `sutton_barto_reward`.
[<RequireQualifiedAccess>]
type KeywordValue =
    | Flag of bool
    | Number of float
    | Text of string

    override this.ToString() =
        match this with
        | Flag value -> if value then "true" else "false"
        | Number value -> value.ToString("R", CultureInfo.InvariantCulture)
        | Text value -> value

/// A keyword that an environment takes.
type Keyword =
    {
        /// Its name in Gymnasium.
        Name: string
        /// The value when it is not given; a given value must be of the same kind.
        Default: KeywordValue
        /// The texts that may be given; empty for any value of the default's kind.
        Choices: string list
        /// One line of help.
        Summary: string
    }

/// A registered environment.
type RegistryEntry =
    {
        Id: string
        /// One line that says what the agent does.
        Summary: string
        Keywords: Keyword list
        /// Builds the environment from a value for every keyword.
        Create: Map<string, KeywordValue> -> AnyEnvironment
    }

/// The id of an older version that is still understood.
type OlderId =
    {
        Older: string
        /// The id of the registered environment that stands for it.
        Newer: string
        /// What has changed between the two, as a clause for a notice.
        Difference: string
    }

/// Keywords, and their values once they have been checked.
[<RequireQualifiedAccess>]
module internal Keyword =

    /// A keyword that is true or false.
    let flag name defaultValue summary =
        { Name = name; Default = KeywordValue.Flag defaultValue; Choices = []; Summary = summary }

    /// A keyword that is a number.
    let number name defaultValue summary =
        { Name = name; Default = KeywordValue.Number defaultValue; Choices = []; Summary = summary }

    /// A keyword that is one of some texts; with no choices, any text.
    let text name defaultValue choices summary =
        { Name = name; Default = KeywordValue.Text defaultValue; Choices = choices; Summary = summary }

    /// The value of a flag.
    let isSet (values: Map<string, KeywordValue>) name = values[name] = KeywordValue.Flag true

    /// Whether an environment with action masks has them: the flag of all of these.
    let actionMasks =
        flag
            "action_masks"
            true
            "whether impossible actions are ruled out; Gymnasium's task, which leaves them in, is false"

    /// The value of `actionMasks`.
    let hasActionMasks (values: Map<string, KeywordValue>) = isSet values actionMasks.Name

    /// The value of a number.
    let numberOf (values: Map<string, KeywordValue>) name =
        match values[name] with
        | KeywordValue.Number value -> value
        | other -> Guard.fail name $"{name} is {other}; it must be a number."

    /// The value of a text.
    let textOf (values: Map<string, KeywordValue>) name =
        match values[name] with
        | KeywordValue.Text value -> value
        | other -> Guard.fail name $"{name} is {other}; it must be a text."

    /// The value of a number that must be whole and within bounds.
    let wholeNumber (values: Map<string, KeywordValue>) name low high =
        let number = numberOf values name

        if not (number = Math.Floor number && number >= low && number <= high) then
            Guard.fail name $"{name} is {number}; it must be a whole number from {low} to {high}."

        int number
