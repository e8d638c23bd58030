# Evaluates a Homebrew cask as one kind of machine sees it, and prints what Homebrew
# would take from it: ruby cask.rb FILE macos|linux intel|arm
#
# Of the language of casks it knows what ours says; anything else is an error.
require "json"

FILE, SYSTEM, CPU = ARGV

module OS
  def self.mac? = SYSTEM == "macos"
end

class Cask
  attr_reader :found

  def initialize(name)
    @found = { "name" => [name], "run" => [] }
  end

  def on_macos = (yield if SYSTEM == "macos")
  def on_linux = (yield if SYSTEM == "linux")
  def on_intel = (yield if CPU == "intel")
  def on_arm = (yield if CPU == "arm")

  %w[version url sha256 name desc homepage binary manpage bash_completion zsh_completion fish_completion].each do |stanza|
    define_method(stanza) do |value = nil, **|
      return @found.fetch(stanza).first if value.nil?

      (@found[stanza] ||= []) << value
    end
  end

  # How new versions are looked for is not part of an installation.
  def livecheck = nil

  # What is run after the files are there is run here, without effect.
  def postflight = yield
  def staged_path = "/staged"
  def system_command(program, args: []) = @found["run"] << [program, *args]
end

def cask(name, &block)
  found = Cask.new(name).tap { |c| c.instance_eval(&block) }.found
  puts JSON.generate(found)
end

load FILE
